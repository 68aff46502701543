/**
 * Seeds in order, several at once, until one fails or time is up. The seed that is reported does not depend on which
 * process was faster: when one fails, those before it that are under way are waited for, and the first one counts.
 */

import type { RunReport, Violation } from "@quorate/simulator";
import { type Answer, type Farm, FarmClosedError } from "./farm.js";
import { Totals } from "./totals.js";

/** Seeds are whole numbers from 0 to 2³² − 1. */
export const SEEDS = 2 ** 32;

export interface ExplorationOptions {
  readonly firstSeed: number;
  /** Default: no end. */
  readonly seeds?: number;
  readonly seconds?: number;
  /** Runs each seed twice, and compares. Default: no. */
  readonly isTwice?: boolean;
  /** Ends it, as if its time were up. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (totals: Totals) => void;
}

export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  /** Null if there is none: the run crashed its process, or did not end. */
  readonly report: RunReport | null;
}

export interface Exploration {
  readonly totals: Totals;
  readonly failure: Failure | null;
  readonly seconds: number;
}

interface Found extends Failure {
  readonly place: number;
}

/** Rejects only if the simulator does not start at all. */
export async function exploreSeeds(farm: Farm, options: ExplorationOptions): Promise<Exploration> {
  const { firstSeed, seeds = SEEDS, seconds = Number.POSITIVE_INFINITY, isTwice = false, signal, onProgress } = options;
  const startMs = performance.now();
  const secondsNow = (): number => (performance.now() - startMs) / 1000;
  const totals = new Totals();
  const first: { failure: Found | null; seconds: number } = { failure: null, seconds: 0 };
  let next = 0;

  const onFailure = (failure: Found): void => {
    if (first.failure !== null && first.failure.place < failure.place) return;
    first.failure = failure;
    first.seconds = secondsNow();
  };
  /** One hand of several: takes the next seed as long as there is a reason to. */
  const work = async (): Promise<void> => {
    while (first.failure === null && next < seeds && secondsNow() < seconds && signal?.aborted !== true) {
      const place = next;
      next += 1;
      const seed = (firstSeed + place) % SEEDS;
      const failure = await runSeed(farm, seed, isTwice, totals);
      if (failure !== null) onFailure({ ...failure, place });
      onProgress?.(totals);
    }
  };
  const hands = Promise.all(Array.from({ length: farm.capacity }, work));
  const isAborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
  await Promise.race([hands, isAborted]);
  if (signal?.aborted === true) farm.close();
  await hands.catch((error: unknown) => {
    if (!(error instanceof FarmClosedError)) throw error;
  });
  return { totals, failure: first.failure, seconds: first.failure === null ? secondsNow() : first.seconds };
}

async function runSeed(farm: Farm, seed: number, isTwice: boolean, totals: Totals): Promise<Failure | null> {
  const orders = Array.from({ length: isTwice ? 2 : 1 }, () => farm.run({ kind: "explore", seed }));
  const [first, second] = await Promise.all(orders);
  for (const answer of [first, second]) if (answer?.kind === "report") totals.add(answer.report);
  const failure = failureOf(seed, first as Answer);
  if (failure !== null || second === undefined) return failure;
  return failureOf(seed, second) ?? compare(seed, first as Answer, second);
}

/** Null if nothing broke. */
export function failureOf(seed: number, answer: Answer): Failure | null {
  if (answer.kind === "report") {
    const { report } = answer;
    return report.violation === null ? null : { seed, violation: report.violation, report };
  }
  const violation = answer.kind === "hung" ? hung(seed) : crashed(seed, answer.detail);
  return { seed, violation, report: null };
}

function hung(seed: number): Violation {
  return {
    property: "Termination",
    oracle: "sim/termination",
    statement: "Every run comes to an end.",
    facts: [
      `The run of seed ${seed} was begun.`,
      "Nothing more was heard of it until its process was ended: some code runs in a circle.",
    ],
  };
}

function crashed(seed: number, detail: string): Violation {
  return {
    property: "No crash",
    oracle: "sim/no-crash",
    statement: "Whatever a run does, it neither throws nor ends the process that it runs in.",
    facts: [`The run of seed ${seed} was begun.`, `It ended with ${detail}`],
  };
}

function compare(seed: number, first: Answer, second: Answer): Failure | null {
  if (first.kind !== "report" || second.kind !== "report") return null;
  const [one, other] = [first.report, second.report];
  if (one.hash === other.hash && one.events === other.events) return null;
  const violation: Violation = {
    property: "Determinism",
    oracle: "sim/determinism",
    statement: "A seed decides everything: the same seed gives the same run.",
    facts: [
      `The run of seed ${seed} gave the hash ${one.hash} after ${one.events} events.`,
      `Run again, it gave ${other.hash} after ${other.events} events.`,
    ],
  };
  return { seed, violation, report: null };
}
