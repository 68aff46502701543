/**
 * What happens in a random run, and how often: as fast-check draws it. `random-run.ts` carries it out.
 */

import fc from "fast-check";
import type { MemberRole } from "../../src/index.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS } from "./server.js";

/** What is done to one server. `server` is drawn from a wide range; each run takes it modulo its size. */
export type ServerAction =
  | { readonly kind: "campaign" | "read" | "restart" | "holdWrites" | "finishWrites"; readonly server: number }
  | { readonly kind: "crash" | "persist"; readonly server: number; readonly writes: number }
  | { readonly kind: "oneTurn"; readonly server: number; readonly most: number }
  | { readonly kind: "compact"; readonly server: number; readonly keep: number }
  | { readonly kind: "suspect"; readonly server: number; readonly peer: number }
  | { readonly kind: "crashAfterSnapshot"; readonly server: number; readonly writes: number };

export type Action =
  | ServerAction
  | { readonly kind: "run"; readonly ms: number }
  | { readonly kind: "proposeToLeader" | "readEverywhere" | "heal" }
  | { readonly kind: "coup"; readonly companion: number; readonly entries: number; readonly pauses: boolean }
  | { readonly kind: "deliver" | "lose"; readonly at: number }
  | { readonly kind: "fromLimbo"; readonly age: number }
  | { readonly kind: "cut"; readonly one: number; readonly other: number; readonly bothWays: boolean }
  | { readonly kind: "change"; readonly roles: readonly (MemberRole | null)[]; readonly priorities: readonly number[] }
  | { readonly kind: "addOrRemove"; readonly name: number; readonly staleness: number }
  | { readonly kind: "transfer"; readonly to: number };

export interface RunOptions {
  readonly size: number;
  readonly seed: number;
  /** One message in so many leaves a copy in limbo. */
  readonly limboEvery: number;
  /** One message in so many is lost on its way. */
  readonly loseEvery: number;
  readonly maxEntriesPerAppend: number;
  /** Whether members change, logs are compacted, and leaders hand over; half of the runs are without. */
  readonly isMoving: boolean;
  /** Whether the servers take part in quiets; half of the runs are without. */
  readonly allowsQuiet: boolean;
  /** Whether those who stay hear of it when a process ends. */
  readonly tellsLosses: boolean;
}

/** The names that members may have; the servers of the start have the first ones. */
export const NAMES = ["n1", "n2", "n3", "n4", "n5", "n6", "n7"];

const server = fc.nat({ max: 59 });
const writes = fc.nat({ max: 3 });

function kinds<K extends string>(...names: readonly K[]): fc.Arbitrary<K> {
  return fc.constantFrom(...names);
}

const longRunMs = fc.integer({ min: HEARTBEAT_INTERVAL_MS, max: 4 * ELECTION_TIMEOUT_MS });
/** Long enough for a quiet, if nobody disturbs it. */
const restMs = fc.integer({ min: 4 * ELECTION_TIMEOUT_MS, max: 9 * ELECTION_TIMEOUT_MS });
const shortRunMs = fc.integer({ min: 1, max: 6 });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: kinds("run"), ms: longRunMs }) },
  { weight: 8, arbitrary: fc.record({ kind: kinds("run"), ms: shortRunMs }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds("run"), ms: restMs }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds("suspect"), server, peer: server }) },
  { weight: 8, arbitrary: fc.record({ kind: kinds("proposeToLeader") }) },
  { weight: 6, arbitrary: fc.record({ kind: kinds("heal") }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds("readEverywhere") }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: kinds("coup"), companion: server, entries: fc.nat({ max: 3 }), pauses: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ kind: kinds("campaign", "restart", "finishWrites"), server }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds("holdWrites", "read"), server }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds("crash", "persist"), server, writes }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds("deliver", "lose"), at: fc.nat({ max: 199 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: kinds("fromLimbo"), age: fc.nat({ max: 999 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds("oneTurn"), server, most: fc.integer({ min: 2, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds("compact"), server, keep: fc.constantFrom(0, 0, 1, 3) }) },
  { weight: 2, arbitrary: fc.record({ kind: kinds("crashAfterSnapshot"), server, writes }) },
  { weight: 3, arbitrary: fc.record({ kind: kinds("transfer"), to: fc.nat({ max: 8 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: kinds("addOrRemove"), name: fc.nat({ max: 59 }), staleness: fc.nat({ max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kinds("change"),
      roles: fc.array(fc.constantFrom<(MemberRole | null)[]>("voter", "voter", "voter", "learner", "witness", null), {
        minLength: NAMES.length,
        maxLength: NAMES.length,
      }),
      priorities: fc.array(fc.constantFrom(0, 0, 0, 0, 1, 2), { minLength: NAMES.length, maxLength: NAMES.length }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kinds("cut"), one: server, other: server, bothWays: fc.boolean() }) },
);

// Without fast-check's bias to small values, which would make short waits and server 1 do nearly everything.
export const actions: fc.Arbitrary<Action[]> = fc.noBias(
  fc.array(action, { minLength: 40, maxLength: 120, size: "max" }),
);

export const runOptions: fc.Arbitrary<RunOptions> = fc.noBias(
  fc.record({
    size: fc.constantFrom(3, 3, 5, 3, 4, 2, 1),
    seed: fc.nat({ max: 999 }),
    limboEvery: fc.integer({ min: 1, max: 5 }),
    loseEvery: fc.constantFrom(1000, 50, 20, 10, 5),
    maxEntriesPerAppend: fc.constantFrom(1, 2, 1000),
    isMoving: fc.boolean(),
    allowsQuiet: fc.boolean(),
    tellsLosses: fc.boolean(),
  }),
);
