/** All cases, spread over as many processes as there are processors. */

import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { runTopology, type TopologyCase, type TopologyOutcome } from "@quorate/simulator";
import type { Result } from "./results.js";

/** What a process is to run, and what it answers: so many outcomes, in that order. */
export interface Batch {
  readonly cases: readonly TopologyCase[];
  readonly seed: number;
}

export type BatchOutcome = readonly TopologyOutcome[];

const BATCH_CASES = 250;
const TSX = import.meta.resolve("tsx");

export function runBatch({ cases, seed }: Batch): TopologyOutcome[] {
  return cases.map((topology) => runTopology(topology, seed));
}

/** Runs each case with each seed up to `seeds`. Rejects if a process ends before it is done. */
export async function runAll(
  cases: readonly TopologyCase[],
  seeds: number,
  onProgress: (done: number, of: number) => void,
): Promise<Result[]> {
  const waiting: Batch[] = [];
  for (let seed = 0; seed < seeds; seed += 1)
    for (let start = 0; start < cases.length; start += BATCH_CASES)
      waiting.push({ cases: cases.slice(start, start + BATCH_CASES), seed });
  const results: Result[] = [];
  const onDone = (batch: Batch, outcomes: BatchOutcome): void => {
    for (const [place, outcome] of outcomes.entries())
      results.push({ ...outcome, topology: batch.cases[place] as TopologyCase });
    onProgress(results.length, cases.length * seeds);
  };
  const processes = Math.min(availableParallelism(), waiting.length);
  await Promise.all(Array.from({ length: processes }, () => work(waiting, onDone)));
  return results;
}

/** One process, which takes batches until none is left. */
async function work(waiting: Batch[], onDone: (batch: Batch, outcomes: BatchOutcome) => void): Promise<void> {
  const child = fork(fileURLToPath(new URL("./worker-main.ts", import.meta.url)), {
    execArgv: ["--conditions=source", "--import", TSX],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      let batch: Batch | undefined;
      const next = (): void => {
        batch = waiting.shift();
        if (batch === undefined) resolve();
        else child.send(batch);
      };
      child.on("message", (outcomes: BatchOutcome) => {
        onDone(batch as Batch, outcomes);
        next();
      });
      child.on("error", reject);
      child.on("exit", (code, signal) => reject(new Error(`a process ended with ${signal ?? `exit code ${code}`}`)));
      next();
    });
  } finally {
    child.kill();
  }
}
