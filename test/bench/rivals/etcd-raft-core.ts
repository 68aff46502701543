/** etcd's Raft library, in Go: its core alone, measured as `pnpm bench core` measures ours. */

import type { Rival, Row, Turn } from "../frame/part.js";
import { buildGo, metricsOf, runForJson } from "./anchors.js";

/** Which of its cases is which of our rows. */
const CASES: Readonly<Record<string, Row>> = {
  "1 in flight": { name: "1 in flight", factors: { inFlight: 1 } },
  "batch 64, one MsgProp": { name: "64 in flight", factors: { inFlight: 64 } },
  "1024 in flight, one MsgProp": { name: "1024 in flight", factors: { inFlight: 1024 } },
};

export const etcdRaftCore: Rival = {
  name: "etcd-raft-core",
  summary:
    "go.etcd.io/etcd/raft, three RawNodes in one goroutine on one thread, no I/O; proposals go in as we pass them",
  async open(settings) {
    const program = await buildGo("etcd_raft_core.go", ["go.etcd.io/etcd/raft"], settings);
    return {
      repeat: async (turn) => {
        const lines = await runForJson(program, ["-reps", "1", "-secs", String(turn.seconds)]);
        for (const line of lines) record(turn, line);
      },
      close: async () => undefined,
    };
  },
};

function record(turn: Turn, line: Readonly<Record<string, unknown>>): void {
  const row = CASES[String(line["case"])];
  if (row === undefined) return;
  const metrics = metricsOf(line);
  const metric = (name: string): number => metrics[name] ?? Number.NaN;
  const values = {
    proposalsPerSecond: metric("proposals/s"),
    perCpuSecond: metric("proposals/cpu_s"),
    messagesPerProposal: metric("msgs/proposal"),
    bytesPerProposal: metric("B/proposal"),
  };
  const foreignCores = metric("foreign_cores");
  turn.record(row, { values }, { seconds: turn.seconds, ownCpuSeconds: null, foreignCores, watched: null });
}
