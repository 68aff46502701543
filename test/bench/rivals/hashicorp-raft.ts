/** HashiCorp's Raft library, in Go: three servers in one process, TCP on loopback, BoltDB with fsync. */

import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Rival } from "../frame/part.js";
import { buildGo, metricsOf, runForJson } from "./anchors.js";

const LIBRARIES = ["github.com/hashicorp/raft", "github.com/hashicorp/raft-boltdb"];

export const hashicorpRaft: Rival = {
  name: "hashicorp-raft",
  summary: "hashicorp/raft, three servers and the load in one process, TCP on loopback, BoltDB with fsync",
  async open(settings) {
    const program = await buildGo("hashicorp_raft.go", LIBRARIES, settings);
    return {
      repeat: async (turn) => {
        const dir = await mkdtemp(join(settings.directory, "hashicorp-"));
        const given = ["-kinds", "tcp+bolt", "-reps", "1", "-secs", String(turn.seconds), "-dir", dir];
        for (const line of await runForJson(program, given)) {
          const clients = Number(/C=(\d+)/.exec(String(line["case"]))?.[1]);
          const row = { name: `${clients} ${clients === 1 ? "client" : "clients"}`, factors: { clients } };
          const metrics = metricsOf(line);
          const metric = (name: string): number => metrics[name] ?? Number.NaN;
          const values = {
            writesPerSecond: metric("ops/s"),
            p50Ms: metric("p50_ms"),
            p99Ms: metric("p99_ms"),
            perCpuSecond: metric("ops/cpu_s"),
          };
          const foreignCores = metric("foreign_cores");
          turn.record(row, { values }, { seconds: turn.seconds, ownCpuSeconds: null, foreignCores, watched: null });
        }
      },
      close: async () => undefined,
    };
  },
};
