/**
 * CoreObserver: sees each fact that goes into the core of a node, and what comes out. For those who check or record a
 * run: simulators, tests, flight recorders.
 */

import type { Effects, Input, Raft, RestoredState } from "@quorate/core";

export interface CoreObserver {
  /** The core begins, with what was stored. `raft` is there to look at, and not to step. */
  onStart(raft: Raft, restored: RestoredState): void;
  /** A fact goes in. `now` is that of the node's clock, in milliseconds. */
  onStep(input: Input, now: number): void;
  /** The consequences of all facts since the last time, before anything is done about them. */
  onEffects(effects: Effects): void;
}
