/** `pnpm bench core`: what a proposal costs in the core alone, three cores in one thread, with no I/O. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Figures, Part, Row, Turn } from "../frame/part.js";
import { etcdRaftCore } from "../rivals/etcd-raft-core.js";
import { measureCore } from "./core-load.js";

const ROWS: readonly Row[] = [1, 64, 1024].map((inFlight) => ({
  name: `${inFlight} in flight`,
  factors: { inFlight },
}));

const MEMORY_PROGRAM = fileURLToPath(new URL("./core-memory.ts", import.meta.url));
/** In MiB: nothing that the measurement allocates is collected before it is counted. */
const YOUNG_MIB = 256;

export const core: Part = {
  name: "core",
  summary: "three cores in one thread, 256-byte proposals, no I/O",
  columns: [
    { key: "proposalsPerSecond", title: "proposals/s", meaning: "proposals that all three servers may apply" },
    {
      key: "perCpuSecond",
      title: "proposals/CPU s",
      meaning: "the same in a second of CPU time, its garbage collected",
    },
    { key: "messagesPerProposal", title: "messages/proposal", meaning: "messages between the cores" },
    { key: "bytesPerProposal", title: "B/proposal", meaning: "memory that is allocated, by all three and the harness" },
  ],
  seconds: 1,
  repeats: 5,
  warmUpSeconds: 0.5,
  options: [],
  targets: [
    { row: null, column: "perCpuSecond", rival: "etcd-raft-core", bound: "at least", value: 1 },
    { row: null, column: "bytesPerProposal", rival: "etcd-raft-core", bound: "at most", value: 1 },
  ],
  rivals: [etcdRaftCore],
  rows: () => ROWS,
  open: async () => ({ repeat, close: async () => undefined }),
};

async function repeat(turn: Turn): Promise<void> {
  for (const row of ROWS) {
    const inFlight = row.factors["inFlight"] ?? 1;
    const bytesPerProposal = turn.isWarmUp ? 0 : await allocated(inFlight);
    await turn.measure(row, (): Figures => {
      const { proposals, messages, seconds } = measureCore(inFlight, turn.seconds);
      return {
        operations: proposals,
        values: {
          proposalsPerSecond: proposals / seconds,
          messagesPerProposal: messages / proposals,
          bytesPerProposal,
        },
      };
    });
  }
}

/** Asks a process of its own, whose young generation is so large that V8 does not collect it meanwhile. */
async function allocated(inFlight: number): Promise<number> {
  const young = [`--min-semi-space-size=${YOUNG_MIB}`, `--max-semi-space-size=${YOUNG_MIB}`];
  const execArgv = [...process.execArgv, "--expose-gc", ...young];
  const child = fork(MEMORY_PROGRAM, [String(inFlight)], { execArgv });
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`measuring memory ended with ${code}`);
  });
  const [bytes] = await Promise.race([once(child, "message"), exited]);
  child.disconnect();
  return bytes as number;
}
