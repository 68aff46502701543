/**
 * The ledger: every white-box invariant of Raft, after every step, over all servers and all their lives.
 */

import type { Effects, Index, Input, Message, NodeId, Raft, RestoredState, Term } from "@quorate/core";
import type { Violation } from "./violation.js";

export interface LedgerOptions {
  /** Called for each contradiction. It may throw, to end the run there. */
  readonly onViolation: (violation: Violation) => void;
  /** For the facts: a time or a step number, on any scale. */
  readonly now: () => number;
  /** How a fact names a moment; "at 12.5 ms" unless given. */
  readonly formatTime?: (time: number) => string;
}

/** What the ledger looks at in a core. */
export type CoreView = Pick<
  Raft,
  "role" | "currentTerm" | "votedFor" | "commitIndex" | "lastIndex" | "durableIndex" | "configuration" | "followers"
>;

export class Ledger {
  readonly options: LedgerOptions;

  constructor(options: LedgerOptions) {
    this.options = options;
  }

  /** A life begins, with what its storage gave it. To be called before the first step. */
  onStart(_id: NodeId, _restored: RestoredState): void {}

  /** To be called right before `raft.step(input)`. */
  onStep(_id: NodeId, _input: Input): void {}

  /** To be called right after `raft.drain()`, before anything of it is carried out: no `onWire` of it comes earlier. */
  onEffects(_id: NodeId, _effects: Effects, _raft: CoreView): void {}

  /** To be called when a message leaves the server. Non-appends are judged here, not in `onEffects`. */
  onWire(_id: NodeId, _message: Message): void {}

  /** The disk says: durable up to this write. To be called before the core is told. */
  onStored(_id: NodeId, _seq: number): void {}

  /** A command reached the state machine of a server. */
  onApplied(_id: NodeId, _index: Index, _term: Term, _data: Uint8Array): void {}

  /** The life ends. Writes that were not stored may or may not be there at the next start: any prefix of them. */
  onCrash(_id: NodeId): void {}

  /** The disk of a server that is down was wiped, rolled back or given up. Its next start, if any, may bring anything. */
  onDiskLost(_id: NodeId): void {}
}
