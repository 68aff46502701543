/**
 * The words of the Raft paper as types (§5.1, Figure 2).
 *
 * Indexes, terms and ids are safe integers (PITFALLS F12): a log that grew by ten million entries a second
 * would need 28 years to leave that range, and whoever decodes bytes refuses what lies outside it.
 */

/** The position of an entry in the log. The first entry has index 1; 0 stands before it. */
export type Index = number;

/** Logical time: one leader at most in each. The first election opens term 1 or later. */
export type Term = number;

/** A server. Ids are positive; {@link NOBODY} stands for none. */
export type NodeId = number;

/** The id of no server: no vote cast, no leader known. */
export const NOBODY: NodeId = 0;

/** The place of an entry: two entries with equal index and term are the same entry (Log Matching, §5.3). */
export interface EntryId {
  readonly index: Index;
  readonly term: Term;
}

/** A run of consecutive entries of one term: it ends where the next run starts, or with the log. */
export interface TermRun {
  readonly firstIndex: Index;
  readonly term: Term;
}

/**
 * - `noop`: the empty entry with which a leader opens its term (§8).
 * - `command`: something for the state machine.
 * - `membership`: a {@link Configuration}, encoded by `encodeConfiguration`.
 */
export type EntryKind = "noop" | "command" | "membership";

/** What a leader appends: an entry without a place. */
export interface ProposedEntry {
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/**
 * One entry of the log. Immutable: `data` is shared by the log, the cache and every message that carries it
 * (PITFALLS F11), and whoever made it must not write to it again.
 */
export interface Entry extends EntryId, ProposedEntry {}

/** What must survive a crash besides the log: one value, never two (PITFALLS E2). */
export interface HardState {
  readonly currentTerm: Term;
  /** The server that got this server's vote in `currentTerm`, or {@link NOBODY}. */
  readonly votedFor: NodeId;
}

/** The incarnation of a member that no server has claimed to be yet. */
export const UNCLAIMED = 0;

/** A server of the cluster, as the log knows it. */
export interface Member {
  /** Given once, with the server's storage, and never to another (PITFALLS M17). */
  readonly id: NodeId;
  /** The operator's name for it: unique, stable, for people. */
  readonly name: string;
  /** Where its transport listens. A hint: a local setting overrides it (PITFALLS O6). */
  readonly address: string;
  /**
   * Votes and remembers which entries there are, but neither their payloads nor a state: never leads. Fewer than half of
   * the voters may be witnesses. Default false.
   */
  readonly isWitness?: boolean;
  /** A leader hands over to a caught-up voter of higher priority. Default 0; at least 0. */
  readonly priority?: number;
  /**
   * Which life of the server this is: a number that is minted with its storage, so that a wiped disk is told from the one
   * that voted (PITFALLS M18). {@link UNCLAIMED} if nobody has claimed the place yet; absent if it is not known.
   */
  readonly incarnation?: number;
}

/**
 * What the entries of a log may ask of those who read it: whole numbers from 1 up. A server reads everything up to the
 * levels that it supports, and nothing above; so what needs a level is written only where it is in force (PITFALLS O7).
 */
export interface FeatureLevels {
  /** Of this library's own entries. */
  readonly library: number;
  /** Of the commands; what its numbers mean is for the application to say. */
  readonly application: number;
}

/** What a change of members that is under way shall end in. */
export interface TargetConfiguration {
  /** By rising id; each is a voter or a learner of the configuration that says so. */
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/**
 * The servers of the cluster, in force from the moment the entry that carries it is appended (§6). All lists by rising
 * id. While a change is under way, new members are learners and `target` says what they shall be; then both `voters`
 * and `outgoingVoters` count (joint consensus); then only `voters`.
 */
export interface Configuration {
  /** The members whose votes and acknowledgements count. */
  readonly voters: readonly Member[];
  /** While the change of voters is joint: the voters before it, of whom a majority is needed too. Otherwise empty. */
  readonly outgoingVoters: readonly Member[];
  /** Receive the log, and count nowhere. */
  readonly learners: readonly Member[];
  /** What follows when the new voters have caught up; null if nothing does. */
  readonly target: TargetConfiguration | null;
  /** The id of the next member to be added: above every id that was ever given (PITFALLS M17). */
  readonly nextId: NodeId;
  /** What entries may ask of every server from here on. Never fall. */
  readonly featureLevels: FeatureLevels;
}

/** A configuration, and the index of its entry: its version, for those who want to change it. */
export interface ConfigurationEntry {
  /** 0 for the one before all entries. */
  readonly index: Index;
  readonly configuration: Configuration;
}

/** The state up to an entry, as a durable snapshot holds it, as far as the core needs to know (§7). */
export interface SnapshotPoint extends EntryId {
  /** The configuration in force at `index`. */
  readonly membership: ConfigurationEntry;
}

/** - `voter`: counts. - `learner`: receives the log only. - `witness`: counts, but keeps neither payloads nor state. */
export type MemberRole = "voter" | "learner" | "witness";

/** A member as someone wants it to be. A name that is in force keeps its id; another gets a new one. */
export interface MemberChange {
  readonly name: string;
  readonly address: string;
  readonly role: MemberRole;
  readonly priority?: number;
  /** Default: as it is. Once it is known it stays what it is. */
  readonly incarnation?: number;
}
