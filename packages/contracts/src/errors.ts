/**
 * Every error that Quorate hands to its users, in one table.
 *
 * Each has a stable `code`, says whether the request took effect, and what to do next.
 */

/**
 * Whether the request took effect (PITFALLS K6): `not-executed` is certain, and safe to retry; `unknown` means that it
 * may have been executed, or may still be. `none`: there was no request to execute.
 */
export type Outcome = "not-executed" | "unknown" | "none";

interface ErrorEntry {
  readonly outcome: Outcome;
  readonly advice: string;
}

export const ERROR_CODES = {
  NOT_LEADER: { outcome: "not-executed", advice: "Ask the leader, or retry: a new one may be elected." },
  NO_LEADER: {
    outcome: "not-executed",
    advice: "Retry later. If it lasts, see whether a majority of the servers is up and can reach each other.",
  },
  NOT_COMMITTED: { outcome: "not-executed", advice: "Another leader took its place in the log. Retry." },
  OVERLOADED: { outcome: "not-executed", advice: "Retry later and with less at a time." },
  COMMAND_TOO_LARGE: {
    outcome: "not-executed",
    advice: "Send less in one command, or raise `maxCommandBytes` on every server.",
  },
  COMMAND_NOT_ENCODABLE: { outcome: "not-executed", advice: "Mend the command: the codec refused it." },
  TIMED_OUT: {
    outcome: "unknown",
    advice: "It may still be executed. Retry only what may be executed twice, or read first.",
  },
  OUTCOME_UNKNOWN: {
    outcome: "unknown",
    advice: "It may have been executed, or may still be. Retry only what may be executed twice, or read first.",
  },
  RESULT_UNAVAILABLE: {
    outcome: "unknown",
    advice: "It was executed, but its answer did not reach this server. Read to see the effect.",
  },
  SESSION_EXPIRED: {
    outcome: "not-executed",
    advice: "Open another session, and propose it there.",
  },
  SESSION_EXPIRED_UNDER_WAY: {
    outcome: "unknown",
    advice: "It may have been executed before its session expired. Read first; in another session it counts as new.",
  },
  SEQUENCE_REUSED: {
    outcome: "not-executed",
    advice: "Use each number of a session for one command only, and for the same one again when you retry it.",
  },
  ABORTED: { outcome: "not-executed", advice: "Its signal was aborted before it went on its way." },
  ABORTED_UNDER_WAY: {
    outcome: "unknown",
    advice: "Its signal was aborted while it was under way. It may still be executed; read to see the effect.",
  },
  READ_TIMED_OUT: {
    outcome: "not-executed",
    advice: 'Retry, or read with `consistency: "stale"` if old data will do.',
  },
  READ_TOO_STALE: {
    outcome: "not-executed",
    advice: "This server cannot show that it is as fresh as that. Ask another one, or raise `maxStalenessMs`.",
  },
  MEMBERS_CHANGED: {
    outcome: "not-executed",
    advice: "Look at the members as they are now, then decide anew.",
  },
  CHANGE_PENDING: {
    outcome: "not-executed",
    advice: "Wait until the change of members under way is done, then retry.",
  },
  INVALID_MEMBERS: { outcome: "not-executed", advice: "Correct what is named." },
  WOULD_LOSE_QUORUM: {
    outcome: "not-executed",
    advice: "See to the servers that are out of touch, or keep more of the others.",
  },
  MEMBERS_OUT_OF_TOUCH: {
    outcome: "not-executed",
    advice: "Have every member run, or remove those that are gone for good; then try again.",
  },
  CHANGE_UNDER_WAY: {
    outcome: "unknown",
    advice: "The change goes on by itself, whoever leads; `members()` shows how far it is.",
  },
  CHANGE_REPLACED: {
    outcome: "unknown",
    advice: "Another change came before it was done. Look at the members as they are now.",
  },
  NO_SUCCESSOR: { outcome: "not-executed", advice: "Name a voter that is in touch and is no witness." },
  TRANSFER_FAILED: { outcome: "unknown", advice: "See who leads now, and retry." },
  REMOVED: {
    outcome: "not-executed",
    advice: "Stop this server. To have it back, give it an empty directory and let it join as a new member.",
  },
  FOREIGN_INCARNATION: {
    outcome: "not-executed",
    advice:
      "Bring its own disk back if there is one. Otherwise remove it from the cluster, give it an empty directory, and let it join as a new member.",
  },
  WITNESS: { outcome: "not-executed", advice: "Ask a server that keeps the state: any voter or learner." },
  NOT_A_WITNESS: {
    outcome: "not-executed",
    advice:
      "Start it with a state machine, which its role needs; or remove it, give it an empty directory, and let it join as a witness.",
  },
  CLOSED: { outcome: "not-executed", advice: "This server is closed. Ask another one." },
  CLOSED_UNDER_WAY: {
    outcome: "unknown",
    advice: "This server closed while the request was under way. It may have been executed; ask another server.",
  },
  STOPPED: {
    outcome: "not-executed",
    advice: "This server has stopped after a fatal error; see its cause. Ask another server.",
  },
  STOPPED_UNDER_WAY: {
    outcome: "unknown",
    advice:
      "This server stopped for good while the request was under way. It may have been executed; see the cause, and ask another server.",
  },
  INVALID_OPTIONS: { outcome: "none", advice: "Correct the option that is named." },
  NOT_BOOTSTRAPPED: {
    outcome: "none",
    advice: "Nothing is stored here. Give `bootstrap` to found a cluster, or the right directory.",
  },
  FOUNDERS_AWAITED: {
    outcome: "none",
    advice:
      "Have those servers run and within reach. If this one had a disk before, bring that back; or remove it, give it an empty directory, and let it join as a new member.",
  },
  FOREIGN_STORAGE: {
    outcome: "none",
    advice: "This storage belongs to another server or cluster. Point each server to its own; nothing was changed.",
  },
  STORAGE_NOT_EMPTY: {
    outcome: "none",
    advice: "Something is stored here already. Use an empty place to found a new cluster; nothing was changed.",
  },
  STORAGE_LOCKED: { outcome: "none", advice: "Another process has it open. Stop that one, or use another directory." },
  STORAGE_CORRUPT: {
    outcome: "none",
    advice: "Do not delete it yet: keep a copy. Restore this server from its peers as a new member.",
  },
  STORAGE_FORMAT: {
    outcome: "none",
    advice: "It was written by another version. Run that version, or migrate; nothing was changed.",
  },
  STORAGE_COMPACTED: { outcome: "none", advice: "These entries are no longer in the log; a snapshot covers them." },
  STORAGE_UNAVAILABLE: {
    outcome: "none",
    advice: "See to the path, its owner and permissions, and the disk; nothing was changed.",
  },
  STORAGE_FAILED: {
    outcome: "unknown",
    advice: "See to the disk. A server whose log could not be written must not go on: restart it then.",
  },
  SNAPSHOT_FAILED: {
    outcome: "none",
    advice: "See the cause. Nothing is lost: the log is kept until a snapshot succeeds, which is tried again.",
  },
  SNAPSHOT_DAMAGED: {
    outcome: "none",
    advice: "See to the disk: what else is on it may be damaged. The snapshot is replaced by a new one of the state.",
  },
  SNAPSHOT_UNDER_WAY: {
    outcome: "unknown",
    advice: "It goes on by itself; `status().snapshots` shows how it stands. To ask again does no harm.",
  },
  TRANSPORT_FAILED: { outcome: "none", advice: "See the cause: the address may be taken or not be this machine's." },
  STATE_MACHINE_FAILED: {
    outcome: "unknown",
    advice: "`apply` threw: every server would fail on the same command. Mend the state machine, then restart.",
  },
  UNSUPPORTED_FEATURE_LEVEL: {
    outcome: "unknown",
    advice: "Start it with the version that the cluster runs. Nothing that it has stored is lost.",
  },
  STATE_DIVERGED: {
    outcome: "unknown",
    advice:
      "Its `apply` depends on something that is not in the command: a clock, chance, a setting, an order. Mend that; then have this server join anew.",
  },
  INVARIANT_BROKEN: {
    outcome: "unknown",
    advice: "Safety is already lost somewhere: keep all data directories and report this.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type RaftErrorCode = keyof typeof ERROR_CODES;

/** The base of all errors of Quorate. */
export class RaftError extends Error {
  override readonly name: string = "RaftError";
  readonly code: RaftErrorCode;
  /** In how many milliseconds there is likely to be room, for an `OVERLOADED` of the server that was asked. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: RaftErrorCode,
    message: string,
    { retryAfterMs, ...options }: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(`${message} ${ERROR_CODES[code].advice}`, options);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** What to do next. */
  get advice(): string {
    return ERROR_CODES[this.code].advice;
  }

  /** Whether the request took effect. */
  get outcome(): Outcome {
    return ERROR_CODES[this.code].outcome;
  }
}

/** An error of a `LogStorage`. */
export class StorageError extends RaftError {
  override readonly name = "StorageError";
}

/** An error of a `Transport`. */
export class TransportError extends RaftError {
  override readonly name = "TransportError";
}

/** Whether `value` is a code of this table; for codes that came over the wire. */
export function isRaftErrorCode(value: string): value is RaftErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}
