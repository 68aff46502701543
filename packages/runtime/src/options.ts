/**
 * What a node is told when it opens, and the check that it can work (PITFALLS F15): a setting that cannot is refused
 * at once, by name and with the reason, instead of showing as elections that never end.
 */

import type {
  Clock,
  CommandCodec,
  GroupId,
  LogStorage,
  SnapshotStorage,
  StateMachine,
  Transport,
} from "@quorate/contracts";
import { RaftError } from "@quorate/contracts";
import type { MemberChange, MemberRole, NodeId } from "@quorate/core";
import type { CoreObserver } from "./core-observer.js";
import { MAX_SESSION_TIMEOUT_MS } from "./sessions/session-table.js";

/** A server, as those who found a cluster name it. */
export interface BootstrapMember {
  /** Unique in the cluster, and stable. */
  readonly name: string;
  /** Where its transport listens. */
  readonly address: string;
  /** Default `voter`. Later it is changed by `changeMembers`, not here. */
  readonly role?: MemberRole | undefined;
  /** A leader hands over to a voter of higher priority. From 0 up; default 0. Later changed as the role is. */
  readonly priority?: number | undefined;
}

/** The cluster to found: the same on every server (PITFALLS O3, O4). */
export interface Bootstrap {
  /**
   * Tells this cluster from all others: stored, and part of every handshake (PITFALLS O1). Servers that are given other
   * members must be given another one.
   */
  readonly clusterId: string;
  /** All of the first members, this server among them. */
  readonly members: readonly BootstrapMember[];
}

/** What has a default. Times and sizes are whole numbers above zero, unless it says otherwise. */
export interface Tuning {
  /** How often a leader speaks up, in milliseconds. Default 50; at most a third of `electionTimeoutMs`. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** How long a server waits for a leader before it campaigns: once to twice this, drawn anew each time. Default 250. */
  readonly electionTimeoutMs?: number | undefined;
  /**
   * By how much the clock of one server may run faster than that of another, as a ratio: reads under a lease are
   * linearizable as long as that holds (PITFALLS L1). From 0 to 1. Default 0.05. This and `electionTimeoutMs` must be
   * the same on every server.
   */
  readonly maxClockDrift?: number | undefined;
  /**
   * Whether the servers speak less often while nobody wants anything of them, which makes a cluster at rest cheap: after four
   * election timeouts without work a leader speaks up only every second one, until the next call, on any server. A leader
   * whose process ends at rest is missed as soon as ever, for its connections end with it; one that falls silent, its
   * machine or the way to it lost, is missed four election timeouts later. `false` on one server is enough to have none of
   * it in the cluster. Default true.
   */
  readonly allowsQuiet?: boolean | undefined;
  /**
   * How long a write may take before this server stops speaking as leader, in milliseconds (PITFALLS P8). Default
   * eight times `electionTimeoutMs`, and at least once that.
   */
  readonly storageStallMs?: number | undefined;
  /** How long a proposal may take unless it says otherwise, in milliseconds. Default 5000. */
  readonly proposeTimeoutMs?: number | undefined;
  /** How long a read may take unless it says otherwise, in milliseconds. Default 5000. */
  readonly readTimeoutMs?: number | undefined;
  /**
   * How long a session may stay unused before it expires, unless it says otherwise, in milliseconds of the cluster's time.
   * Default 60 000; at most a day.
   */
  readonly sessionTimeoutMs?: number | undefined;
  /** The largest encoded command. Default 2 MiB. The same on every server, and within what the transport carries. */
  readonly maxCommandBytes?: number | undefined;
  /** What proposals and reads under way may take together; beyond it they are `OVERLOADED` (F4). Default 64 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /** What the cache of recent entries may take; what is not yet stored comes on top. Default 32 MiB. */
  readonly logCacheBytes?: number | undefined;
  /** The largest message with entries, unless a single one is larger. Default 1 MiB. */
  readonly maxAppendBytes?: number | undefined;
  /** What may be under way to one server without an answer, as entries or as proposals (F6). Default 4 MiB. */
  readonly maxInflightBytes?: number | undefined;
  /** How many messages with entries may be under way to one server without an answer (F6). Default 256. */
  readonly maxInflightMessages?: number | undefined;
  /**
   * How long the state machine may run before the event loop gets its turn, in milliseconds (PITFALLS F1). Default 8,
   * or `heartbeatIntervalMs` if that is less; never more than that.
   */
  readonly applyBudgetMs?: number | undefined;
  /**
   * The level of commands that this server understands (PITFALLS O7). Give the next number to a version whose commands
   * older ones cannot read, and propose such commands once that level is in force. Default 1.
   */
  readonly applicationLevel?: number | undefined;
  /** After how many applied entries a snapshot is taken, at the latest. Default 250 000. */
  readonly snapshotAfterEntries?: number | undefined;
  /** After how many bytes of applied commands a snapshot is taken, at the latest. Default 64 MiB. */
  readonly snapshotAfterBytes?: number | undefined;
  /** How many entries before a snapshot stay in the log, for servers that are a little behind (S22). Default 10 000. */
  readonly snapshotKeepEntries?: number | undefined;
  /** The pieces in which a snapshot is sent. Default 256 KiB. */
  readonly snapshotChunkBytes?: number | undefined;
  /** How fast snapshots are sent, all together. Default 64 MiB a second. */
  readonly snapshotBytesPerSecond?: number | undefined;
  /** How long a server that is sent a snapshot may take in nothing before that counts as failed (S5). Default 10 000. */
  readonly snapshotTimeoutMs?: number | undefined;
}

/** What a server that wants to join says of itself. */
export interface JoinRequest {
  readonly name: string;
  /** Which life of the server it is: goes with `RaftNode.admit`, and makes asking twice harmless. */
  readonly incarnation: number;
  /** `false` if it has no state machine: then it is taken in as a witness or not at all. */
  readonly keepsState?: false;
}

/** A server that is to be taken in: what it shall be, and what it says of itself in its {@link JoinRequest}. */
export interface Newcomer extends MemberChange {
  /** `false` if it has no state machine. Default `true`. */
  readonly keepsState?: boolean | undefined;
}

/** What a cluster says to a server that it has taken in (`RaftNode.admit`). */
export interface JoinGrant {
  readonly clusterId: string;
  /** Its number, which no other server ever gets. */
  readonly nodeId: NodeId;
}

export interface RaftNodeOptions<Command, Result> extends Tuning {
  /** The name of this server. */
  readonly id: string;
  /** Founds the cluster if the storage is blank; otherwise only its `clusterId` is compared (PITFALLS O2). */
  readonly bootstrap?: Bootstrap | undefined;
  /**
   * For a server that is to join a cluster which exists: called if the storage is blank, to have `RaftNode.admit`
   * called on some member and to bring back the answer. Instead of `bootstrap`.
   */
  readonly join?: ((request: JoinRequest) => Promise<JoinGrant>) | undefined;
  /** Where this server reaches others, by name: wins over the addresses in the log (PITFALLS O6). */
  readonly addresses?: Readonly<Record<string, string>> | undefined;
  /** The node owns it from here on, and closes it. */
  readonly storage: LogStorage;
  /**
   * Where snapshots are kept. The node owns it from here on, and closes it. Without it, or without `snapshot` and `restore`
   * of the state machine, the log is never compacted.
   */
  readonly snapshots?: SnapshotStorage | undefined;
  /** The node owns it from here on, and closes it. */
  readonly transport: Transport;
  readonly stateMachine: StateMachine<Command, Result>;
  /** Only for {@link WitnessOptions}. */
  readonly role?: undefined;
  readonly codec: CommandCodec<Command, Result>;
  readonly clock: Clock;
  /** Where randomness begins: a whole number, another one on each server and for each start (PITFALLS E21). */
  readonly seed: number;
  /** Which group of the transport and the storage this node is. Default 0. */
  readonly groupId?: GroupId | undefined;
  /**
   * Compares what the servers' state machines answer, this often in milliseconds, and stops those that differ from the
   * majority with `STATE_DIVERGED` (PITFALLS O8). Off unless given, for every answer is digested for it. The same on
   * every server.
   */
  readonly stateCheckIntervalMs?: number | undefined;
  /** Watches the core at work, on its turn: must be quick. What it throws stops the node. */
  readonly observer?: CoreObserver | undefined;
  /** Told of what hurts no one but should be seen: a listener that throws, say. Counted in `status()` in any case. */
  readonly onWarning?: ((error: unknown) => void) | undefined;
}

/**
 * For a server that is to be a witness: it needs no state machine. Does not make it one: that is for its founding, or for
 * whoever admits it, to say. If it turns out to be something else it refuses to start, or stops, with `NOT_A_WITNESS`.
 */
export interface WitnessOptions<Command, Result>
  extends Omit<RaftNodeOptions<Command, Result>, "stateMachine" | "role"> {
  readonly role: "witness";
  readonly stateMachine?: undefined;
}

/** {@link Tuning} with nothing left open. */
export type Settings = { readonly [Key in keyof Tuning]-?: NonNullable<Tuning[Key]> };

const MIB = 1024 * 1024;

/** Timers of Node fire at once when they are set for longer (PITFALLS F3). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Fills in the defaults. Throws a `RaftError` of code `INVALID_OPTIONS`, which names the option and says why, if one
 * cannot work or two contradict each other.
 */
export function settingsOf(options: Tuning): Settings {
  const heartbeatIntervalMs = positive("heartbeatIntervalMs", options.heartbeatIntervalMs ?? 50, MAX_TIMEOUT_MS);
  const electionTimeoutMs = positive("electionTimeoutMs", options.electionTimeoutMs ?? 250, MAX_TIMEOUT_MS / 2);
  const settings: Settings = {
    heartbeatIntervalMs,
    electionTimeoutMs,
    maxClockDrift: ratio("maxClockDrift", options.maxClockDrift ?? 0.05),
    allowsQuiet: options.allowsQuiet ?? true,
    storageStallMs: positive("storageStallMs", options.storageStallMs ?? 8 * electionTimeoutMs),
    proposeTimeoutMs: positive("proposeTimeoutMs", options.proposeTimeoutMs ?? 5000, MAX_TIMEOUT_MS),
    readTimeoutMs: positive("readTimeoutMs", options.readTimeoutMs ?? 5000, MAX_TIMEOUT_MS),
    sessionTimeoutMs: sessionTimeout("sessionTimeoutMs", options.sessionTimeoutMs ?? 60_000),
    maxCommandBytes: positive("maxCommandBytes", options.maxCommandBytes ?? 2 * MIB),
    maxPendingBytes: positive("maxPendingBytes", options.maxPendingBytes ?? 64 * MIB),
    logCacheBytes: positive("logCacheBytes", options.logCacheBytes ?? 32 * MIB),
    maxAppendBytes: positive("maxAppendBytes", options.maxAppendBytes ?? MIB),
    maxInflightBytes: positive("maxInflightBytes", options.maxInflightBytes ?? 4 * MIB),
    maxInflightMessages: positive("maxInflightMessages", options.maxInflightMessages ?? 256),
    applyBudgetMs: positive("applyBudgetMs", options.applyBudgetMs ?? Math.min(8, heartbeatIntervalMs)),
    applicationLevel: positive("applicationLevel", options.applicationLevel ?? 1),
    snapshotAfterEntries: positive("snapshotAfterEntries", options.snapshotAfterEntries ?? 250_000),
    snapshotAfterBytes: positive("snapshotAfterBytes", options.snapshotAfterBytes ?? 64 * MIB),
    snapshotKeepEntries: positive("snapshotKeepEntries", options.snapshotKeepEntries ?? 10_000),
    snapshotChunkBytes: positive("snapshotChunkBytes", options.snapshotChunkBytes ?? MIB / 4),
    snapshotBytesPerSecond: positive("snapshotBytesPerSecond", options.snapshotBytesPerSecond ?? 64 * MIB),
    snapshotTimeoutMs: positive("snapshotTimeoutMs", options.snapshotTimeoutMs ?? 10_000, MAX_TIMEOUT_MS),
  };
  refuseContradictions(settings);
  return settings;
}

function refuseContradictions(settings: Settings): void {
  const { heartbeatIntervalMs, electionTimeoutMs, maxCommandBytes, maxAppendBytes } = settings;
  if (heartbeatIntervalMs > electionTimeoutMs / 3) {
    const why = "so that one lost or late heartbeat does not start an election";
    throw invalid(
      `heartbeatIntervalMs (${heartbeatIntervalMs}) must be at most a third of electionTimeoutMs (${electionTimeoutMs}), ${why}.`,
    );
  }
  if (settings.storageStallMs < electionTimeoutMs) {
    const why = "or every short stall of a disk costs an election";
    throw invalid(
      `storageStallMs (${settings.storageStallMs}) must be at least electionTimeoutMs (${electionTimeoutMs}), ${why}.`,
    );
  }
  if (settings.applyBudgetMs > heartbeatIntervalMs) {
    const why = "or applying delays heartbeats";
    throw invalid(
      `applyBudgetMs (${settings.applyBudgetMs}) must be at most heartbeatIntervalMs (${heartbeatIntervalMs}), ${why}.`,
    );
  }
  if (maxCommandBytes > settings.maxPendingBytes) {
    const why = "or the largest command is always refused";
    throw invalid(
      `maxCommandBytes (${maxCommandBytes}) must be at most maxPendingBytes (${settings.maxPendingBytes}), ${why}.`,
    );
  }
  if (maxAppendBytes > settings.maxInflightBytes) {
    const why = "or one append fills more than the window";
    throw invalid(
      `maxAppendBytes (${maxAppendBytes}) must be at most maxInflightBytes (${settings.maxInflightBytes}), ${why}.`,
    );
  }
}

/** Checks what is not a time or a size. Throws as {@link settingsOf} does. */
export function checkIdentityOptions(options: {
  readonly id: string;
  readonly seed: number;
  readonly groupId?: GroupId | undefined;
  readonly stateCheckIntervalMs?: number | undefined;
  readonly stateMachine?: object | undefined;
  readonly role?: string | undefined;
}): void {
  if (typeof options.id !== "string" || options.id === "") throw invalid("id must be the name of this server.");
  if (!Number.isSafeInteger(options.seed)) throw invalid(`seed must be a whole number, not ${options.seed}.`);
  if (options.stateCheckIntervalMs !== undefined) positive("stateCheckIntervalMs", options.stateCheckIntervalMs);
  const groupId = options.groupId ?? 0;
  if (!Number.isSafeInteger(groupId) || groupId < 0) {
    throw invalid(`groupId must be a whole number from 0 up, not ${groupId}.`);
  }
  const { role, stateMachine } = options;
  if (role !== undefined && role !== "witness") throw invalid(`role is "witness" or nothing, not ${role}.`);
  if ((role === undefined) === (stateMachine === undefined))
    throw invalid('A server has a stateMachine, or else the role "witness".');
}

/** Why a single call must not have this timeout; null if it may. What is left of another deadline may have fractions. */
export function timeoutRefusal(timeoutMs: number): RaftError | null {
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return null;
  return invalid(`timeoutMs must be above 0 and at most ${MAX_TIMEOUT_MS}, not ${timeoutMs}.`);
}

/** Throws as {@link settingsOf} does, if sessions cannot stay unused for so long. */
export function sessionTimeout(name: string, value: number): number {
  return positive(name, value, MAX_SESSION_TIMEOUT_MS);
}

function positive(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value > 0 && value <= max) return value;
  throw invalid(`${name} must be a whole number from 1 to ${Math.floor(max)}, not ${value}.`);
}

function ratio(name: string, value: number): number {
  if (value >= 0 && value <= 1) return value;
  throw invalid(`${name} must be a ratio from 0 to 1, not ${value}.`);
}

export function invalid(message: string, cause?: unknown): RaftError {
  return new RaftError("INVALID_OPTIONS", message, cause === undefined ? undefined : { cause });
}
