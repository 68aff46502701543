/** One run of the simulator, from outside: what goes in, and what comes out. */

import type { Violation } from "./ledger/index.js";
import type { Scenario } from "./servers/scenario.js";

/**
 * - `cores`: bare cores, one step at a time, in an order that no clock would give. Fast, and hostile to the protocol.
 * - `servers`: whole nodes with storage, codec, clients and faulty machines, in simulated time.
 * - `storage`: the log storage alone, on a disk that fails, beside a plain list that it must agree with.
 */
export type WorldName = "cores" | "servers" | "storage";

/**
 * All that decides a run. A seed alone decides everything; a script that was made shorter says what is left of it.
 * Plain data: as JSON, it replays on any machine.
 */
export interface Script {
  readonly seed: number;
  readonly world: WorldName;
  /** In the worlds of cores and of storage: what happens, in order. Null: whatever the seed draws. */
  readonly actions: readonly string[] | null;
  /** In the world of servers: the units (see {@link TraceEvent}) that do not happen. */
  readonly without: readonly string[];
  /** In the world of servers: what happens, where that is not drawn from the seed. */
  readonly scenario?: Scenario | undefined;
}

/** Something that happened, for people and tools. */
export interface TraceEvent {
  /** Counts from 1 within the run; in the world of cores, all that follows from one action has the number of that. */
  readonly number: number;
  /** Simulated time in milliseconds; in the world of cores, that of the server's own clock. */
  readonly atMs: number;
  /** Where it happened: the name of a server or client; empty if everywhere. */
  readonly where: string;
  /** What, in a word: "send", "receive", "lose", "store", "crash", "propose", "answer", … */
  readonly kind: string;
  /** The rest, in words that follow the place and the kind. */
  readonly text: string;
  /** What can be left out of the run to make this not happen; null if nothing can. */
  readonly unit: string | null;
}

/** What a seed drew, by name: for people. */
export type Parameters = Readonly<Record<string, number | string | boolean>>;

/** How often, by name. */
export type Counts = Readonly<Record<string, number>>;

export interface RunReport {
  readonly script: Script;
  readonly parameters: Parameters;
  /** Null if nothing broke. */
  readonly violation: Violation | null;
  /** What happened: messages delivered, writes stored, timers, faults, requests. */
  readonly events: number;
  /** Facts that cores took in. */
  readonly coreSteps: number;
  readonly simulatedMs: number;
  /** How often each fault was injected. Every fault of the world is listed, with 0 where it was not. */
  readonly faults: Counts;
  /** How often each interesting situation came up. All that are looked for are listed. */
  readonly situations: Counts;
  /** The same for the same script on every machine: 16 hexadecimal digits over everything that happened. */
  readonly hash: string;
  /** Everything that happened, if that was asked for. */
  readonly trace: readonly TraceEvent[] | null;
}

/** Lets everything run that promises have made ready; in Node, a turn of `setImmediate`. */
export type Settle = () => Promise<void>;

export interface RunOptions {
  readonly settle: Settle;
  /** Whether to keep what happened, which costs time and memory. Default: no. */
  readonly isTraced?: boolean;
}
