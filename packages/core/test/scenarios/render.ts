/** The state of a cluster as lines of text: what a scenario expects. */

import type {
  ChangeOutcome,
  Configuration,
  Entry,
  Member,
  ProposalOutcome,
  ReadOutcome,
  TransferOutcome,
} from "../../src/index.js";
import type { Asked } from "../support/asked.js";
import type { Cluster } from "../support/cluster.js";
import { termRunsOf, text } from "../support/entries.js";
import type { Server, Travelling } from "../support/server.js";

/** `told` remembers which answers an earlier state told of. */
export function renderState(cluster: Cluster, shows: readonly string[], told: Set<object>): string[] {
  const servers = [...cluster.servers.values()];
  return [
    ...servers.map((server) => (cluster.down.has(server.id) ? renderDown(server) : renderServer(server))),
    ...renderAsked("propose", cluster, cluster.proposals, told, proposalOutcome),
    ...renderAsked("read", cluster, cluster.reads, told, readOutcome),
    ...renderAsked("change", cluster, cluster.changes, told, changeOutcome),
    ...renderAsked("transfer", cluster, cluster.transfers, told, transferOutcome),
    ...(shows.includes("members") ? servers.map(renderMembers) : []),
    ...(shows.includes("entries") ? servers.map(renderEntries) : []),
    ...(shows.includes("messages") ? cluster.network.inFlight.map(({ message }) => renderMessage(message)) : []),
  ];
}

function renderServer({ id, status, disk, effects }: Server): string {
  const { role, currentTerm, lastIndex, commitIndex, durableIndex } = status;
  const durable = durableIndex === lastIndex ? "" : ` durable=${durableIndex}`;
  const applied = effects.applyTo === commitIndex ? "" : ` applied=${effects.applyTo}`;
  const facts = `term=${currentTerm} last=${lastIndex} commit=${commitIndex}${durable}${applied}`;
  const stored = renderStored(disk.compacted.index, disk.entries);
  return `n${id} ${role.padEnd(12)} ${facts.padEnd(25)} ${stored}${status.isQuiet ? ", quiet" : ""}`;
}

/** A server that is down is what its disk holds. */
function renderDown({ id, disk }: Server): string {
  const { currentTerm } = disk.durableHardState;
  const { compacted, lastIndex } = disk.restore();
  const facts = `term=${currentTerm} last=${lastIndex}`;
  return `n${id} ${"down".padEnd(12)} ${facts.padEnd(25)} ${renderStored(compacted.index, disk.durableEntries)}`;
}

function renderStored(compactedIndex: number, entries: readonly Entry[]): string {
  const start = compactedIndex === 0 ? "log" : `log from ${compactedIndex + 1}:`;
  return `${start} ${renderLog(entries)}`.trimEnd();
}

/** The terms of the entries; `4x3` stands for 4 4 4. */
function renderLog(entries: readonly Entry[]): string {
  const runs = termRunsOf(entries);
  const end = (entries[entries.length - 1]?.index ?? 0) + 1;
  return runs
    .map(({ firstIndex, term }, place) => {
      const length = (runs[place + 1]?.firstIndex ?? end) - firstIndex;
      return length === 1 ? `${term}` : `${term}x${length}`;
    })
    .join(" ");
}

function renderEntries({ id, disk }: Server): string {
  const contents = disk.entries.map(({ kind, data }) => (kind === "command" ? `"${text(data)}"` : kind));
  return `n${id} holds ${contents.join(" ")}`;
}

function renderAsked<Outcome>(
  verb: string,
  { servers }: Cluster,
  list: readonly Asked<Outcome>[],
  told: Set<object>,
  describe: (outcome: Outcome) => string,
): string[] {
  const lines: string[] = [];
  for (const asked of list) {
    if (told.has(asked)) continue;
    const { server, life, label, outcome } = asked;
    const isGone = servers.get(server)?.lives !== life;
    if (outcome !== null || isGone) told.add(asked);
    const answer =
      outcome !== null ? describe(outcome) : isGone ? "never answered, the server stopped" : "not answered yet";
    lines.push(`${verb} ${server} ${label}: ${answer}`);
  }
  return lines;
}

function proposalOutcome(outcome: ProposalOutcome): string {
  if (outcome.accepted) return `accepted from ${outcome.firstIndex} on, in term ${outcome.term}`;
  return outcome.leaderId === 0 ? "refused, no leader known" : `refused, n${outcome.leaderId} leads`;
}

function readOutcome(outcome: ReadOutcome): string {
  return outcome.ready ? `ready at ${outcome.index}` : "refused";
}

function changeOutcome(outcome: ChangeOutcome): string {
  return outcome.accepted ? `accepted as version ${outcome.index}` : `refused, ${outcome.refusal}: ${outcome.reason}`;
}

function transferOutcome({ result, to }: TransferOutcome): string {
  return to === 0 ? result : `${result}, n${to}`;
}

/** The configuration in force: its version, who votes, and what is yet to come. */
function renderMembers({ id, raft }: Server): string {
  const { voters, outgoingVoters, learners, target }: Configuration = raft.configuration;
  const parts = [`voters ${listed(voters)}`];
  if (outgoingVoters.length > 0) parts.push(`and before ${listed(outgoingVoters)}`);
  if (learners.length > 0) parts.push(`learners ${listed(learners)}`);
  if (target !== null) parts.push(`to be voters ${target.voters.map((voter) => `n${voter}`).join(" ")}`);
  return `n${id} has version ${raft.configurationIndex}: ${parts.join(", ")}`;
}

function listed(members: readonly Member[]): string {
  return members.map((member) => `n${member.id}${member.isWitness === true ? " (witness)" : ""}`).join(" ");
}

function renderMessage(message: Travelling): string {
  return `${message.from}>${message.to} ${message.kind} term=${message.term}${renderDetails(message)}`;
}

function renderDetails(message: Travelling): string {
  switch (message.kind) {
    case "requestPreVote":
    case "requestVote":
      return ` last=${message.lastLogIndex}@${message.lastLogTerm}`;
    case "pullEntries":
      return ` prev=${message.prevLogIndex}@${message.prevLogTerm}`;
    case "pulledEntries":
      return ` prev=${message.prevLogIndex}@${message.prevLogTerm} entries=${renderLog(message.entries) || "none"} last=${message.lastLogIndex}@${message.lastLogTerm}`;
    case "requestPreVoteResult":
    case "requestVoteResult":
      return message.voteGranted ? " granted" : " refused";
    case "appendEntries":
      return ` prev=${message.prevLogIndex}@${message.prevLogTerm} entries=${renderLog(message.entries) || "none"} commit=${message.leaderCommit}`;
    case "appendEntriesResult":
      return message.success
        ? ` match=${message.matchIndex}`
        : ` refused=${message.rejectedIndex} hint=${message.hintIndex}@${message.hintTerm}`;
    case "heartbeat":
    case "commit":
      return ` commit=${message.leaderCommit}`;
    case "snapshot":
      return ` place=${message.snapshot.index}@${message.snapshot.term}`;
    case "timeoutNow":
      return ` last=${message.lastLogIndex}@${message.lastLogTerm}`;
    case "readIndexResult":
      return message.success ? ` index=${message.index}` : " refused";
    default:
      return "";
  }
}
