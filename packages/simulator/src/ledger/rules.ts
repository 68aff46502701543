/** The rules that the ledger holds every run to, each with the name that reports and tests know it by. */

export interface Rule {
  /** Which check it is. Stable. */
  readonly oracle: string;
  /** The rule as the field names it. */
  readonly property: string;
  /** The rule in words that a newcomer understands. */
  readonly statement: string;
}

function rule(name: string, property: string, statement: string): Rule {
  return { oracle: `ledger/${name}`, property, statement };
}

export const RULES = {
  // Elections.
  electionSafety: rule("election-safety", "Election Safety", "No two servers ever lead in the same term."),
  notALeader: rule(
    "not-a-leader",
    "Election Safety",
    "Only the server that was elected in a term sends appends, heartbeats and commits in that term.",
  ),
  electedByMajority: rule(
    "elected-by-majority",
    "Election Safety",
    "Whoever leads a term got the votes of a majority of the voters in that term, its own included once it is durable.",
  ),
  oneVote: rule(
    "one-vote",
    "One Vote per Term",
    "A server votes for one candidate at most in each term, in all its lives.",
  ),
  voteDurable: rule(
    "vote-durable",
    "Durability of Votes",
    "A vote, for itself or for another, is on the server's disk before anybody hears of it.",
  ),
  electionRestriction: rule(
    "election-restriction",
    "Election Restriction",
    "A server votes only for a candidate whose log is at least as up-to-date as its own.",
  ),
  candidateClaim: rule(
    "candidate-claim",
    "Election Restriction",
    "A candidate names the end of its own log as it is on its disk, and no other.",
  ),
  leaderCompleteness: rule(
    "leader-completeness",
    "Leader Completeness",
    "An entry that was committed in one term is in the log of every leader of a higher term.",
  ),
  mayLead: rule(
    "may-lead",
    "Who May Lead",
    "Only a voter that is no witness is elected: no learner, and nobody who knows that it was removed.",
  ),
  termOrigin: rule(
    "term-origin",
    "Terms have an Origin",
    "A server's term rises to one that it was told of, or by one when it stands or drops entries for a log that it pulled; while it hears its leader, nobody's request for votes moves it, unless that leader asked for the election.",
  ),
  // Members.
  changeAfterCommit: rule(
    "change-after-commit",
    "Membership Changes (2015 bug)",
    "A leader changes the members only once an entry of its own term is committed.",
  ),
  oneChange: rule(
    "one-change",
    "One Change at a Time",
    "A leader makes a configuration only once the one before it is committed.",
  ),
  changeSteps: rule(
    "change-steps",
    "Joint Consensus (§6)",
    "Voters change by a joint configuration of old and new ones, which is left to exactly the new ones.",
  ),
  newIds: rule(
    "new-ids",
    "Ids are Given Once",
    "Whoever joins gets an id above all that were ever given; whoever stays keeps id, name and kind.",
  ),
  changeOutcome: rule(
    "change-outcome",
    "Outcome of Changes",
    "Each change of members is answered once, in the next turn; if it was accepted, the configuration that follows from it is in the log where the answer says.",
  ),
  // Snapshots.
  snapshotContent: rule(
    "snapshot-content",
    "Snapshots are Committed State",
    "A snapshot stands for a committed part of the log, with the configuration in force at its end; one's own, for what was applied.",
  ),
  logReset: rule(
    "log-reset",
    "Snapshots Replace what they Cover",
    "A log begins anew only after a durable snapshot that reaches beyond what the server knows to be committed, and that the log does not contain.",
  ),
  compaction: rule(
    "compaction",
    "Compaction behind Snapshots",
    "What a server forgets of its log is in its durable snapshot, and it sends nothing of what it forgot.",
  ),
  // Leadership transfer.
  timeoutNow: rule(
    "timeout-now",
    "Leadership Transfer",
    "A leader has only such a voter campaign that can lead and has acknowledged its whole log.",
  ),
  transferCampaign: rule(
    "transfer-campaign",
    "Leadership Transfer",
    "Only who was told to by the leader of the term before, and has its log, campaigns in its name.",
  ),
  transferProposals: rule("transfer-proposals", "Leadership Transfer", "A leader that hands over takes no proposals."),
  transferDeadline: rule(
    "transfer-deadline",
    "Leadership Transfer",
    "A leader hands over within an election timeout, or gives it up and takes proposals again.",
  ),
  transferOutcome: rule(
    "transfer-outcome",
    "Outcome of Transfers",
    "Every answer to a transfer belongs to one that still waits.",
  ),
  // Logs.
  logMatching: rule(
    "log-matching",
    "Log Matching",
    "Two entries with the same index and term are the same entry, and so is everything before them, in every log.",
  ),
  entryOrigin: rule(
    "entry-origin",
    "Log Matching",
    "An entry is made by the leader of its term; every other copy is a copy of that.",
  ),
  leaderAppendOnly: rule(
    "leader-append-only",
    "Leader Append-Only",
    "A leader never takes back or replaces entries of its own log; it only adds new ones.",
  ),
  truncateCommitted: rule(
    "truncate-committed",
    "State Machine Safety",
    "An entry that a server knows to be committed never leaves its log.",
  ),
  committedStays: rule(
    "committed-stays",
    "Leader Completeness",
    "An entry that the leader of its own term committed never leaves the log of a server that has it, and nothing before it does, whether that server knows or not.",
  ),
  acknowledgedStays: rule(
    "acknowledged-stays",
    "Acknowledgements",
    "While a server stays in a term, what it acknowledged to the leader of that term stays in its log.",
  ),
  writeOrder: rule(
    "write-order",
    "Order of Writes",
    "Writes are numbered one by one, and each fits the log that the ones before it left.",
  ),
  hardState: rule(
    "hard-state",
    "Hard State",
    "What a server asks to be stored of its term and vote is what it acts on; the term never falls, the vote stays within a term.",
  ),
  termMonotone: rule("term-monotone", "Monotone Terms", "The term of a server never falls while it lives."),
  configuration: rule(
    "configuration",
    "Configuration is a Function of the Log",
    "The configuration in force is the one that the last membership entry of the log carries.",
  ),
  // Disks.
  restoredState: rule(
    "restored-state",
    "Storage",
    "A server starts with what its disk held: all writes that were durable, and of the later ones none or the first few.",
  ),
  storedReport: rule(
    "stored-report",
    "Storage",
    "A server is told that a write is durable only once it is on the disk.",
  ),
  durableBelief: rule(
    "durable-belief",
    "Durability of Entries",
    "What a server takes to be durable of its log is on its disk.",
  ),
  // Commit and apply.
  commitOwnTerm: rule(
    "commit-own-term",
    "Commit Rule (§5.4.2)",
    "A leader commits by counting replicas only up to an entry of its own term.",
  ),
  commitMajority: rule(
    "commit-majority",
    "Commit Rule (§5.3)",
    "A leader commits an entry only once it is on the disks of a majority of the voters, and of those before them while a change is joint.",
  ),
  commitOrigin: rule(
    "commit-origin",
    "Commit Rule (§5.3)",
    "A server commits only what a leader of its term, or of one before, has committed.",
  ),
  commitMonotone: rule(
    "commit-monotone",
    "Monotone Commit",
    "The commit index of a server never falls while it lives.",
  ),
  commitBounds: rule(
    "commit-bounds",
    "Commit within the Log",
    "The commit index of a server never passes the end of its log.",
  ),
  stateMachineSafety: rule(
    "state-machine-safety",
    "State Machine Safety",
    "No two servers ever commit or apply different entries at the same index.",
  ),
  applyBounds: rule(
    "apply-bounds",
    "Apply within Commit",
    "A server applies only what is committed and on its own disk, and never goes back.",
  ),
  applied: rule(
    "applied",
    "Exactly Once, in Order",
    "A state machine gets every committed command once in the life of its server, in the order of the log.",
  ),
  // What is said.
  termOnWire: rule(
    "term-on-wire",
    "Terms on the Wire",
    "A server speaks under its own name, and in no term that it is not in yet.",
  ),
  acknowledgement: rule(
    "acknowledgement",
    "Acknowledgements",
    "A server acknowledges to a leader only entries that it holds on its disk, and as the leader has them.",
  ),
  appendContent: rule(
    "append-content",
    "Appends",
    "The entries that a leader sends are those of its log, one after the other, with the right entry before them.",
  ),
  pulledContent: rule(
    "pulled-content",
    "Pulled Logs",
    "Whoever hands out its log hands out what it has, one entry after the other, and says where it ends.",
  ),
  leaderCommit: rule(
    "leader-commit",
    "Leader Commit on the Wire",
    "A leader tells others to commit no more than it has committed, and without entries no more than they acknowledged.",
  ),
  matchIndex: rule(
    "match-index",
    "Match Index",
    "What a leader believes that a follower holds never falls, was acknowledged in this term, and ends before what it sends next.",
  ),
  // Clients.
  readIndex: rule(
    "read-index",
    "Linearizable Reads",
    "A read sees at least everything that any leader had committed when the read began.",
  ),
  readAnswer: rule("read-answer", "One Answer per Question", "Every answer to a read belongs to one that still waits."),
  proposalOutcome: rule(
    "proposal-outcome",
    "Outcome of Proposals",
    "Each proposal is answered once, in the next turn; if it was accepted, its commands are in the log where the answer says.",
  ),
  deadline: rule("deadline", "Timers", "A core always names the moment at which it wants to be woken."),
} as const satisfies Record<string, Rule>;
