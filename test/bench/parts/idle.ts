/** `pnpm bench idle`: what a cluster takes that nobody asks for anything. */

import { setTimeout as pause } from "node:timers/promises";
import type { Part, Row, Settings, Turn } from "../frame/part.js";
import { Cluster, type Server } from "../servers/cluster.js";

const LEADER: Row = { name: "leader", factors: {} };
const FOLLOWER: Row = { name: "a follower", factors: {} };
/** Until what a start takes is over. */
const SETTLE_MS = 3000;

export const idle: Part = {
  name: "idle",
  summary: "three processes with all defaults, of which nobody wants anything",
  columns: [
    { key: "percentOfCore", title: "% of a core", meaning: "CPU time that a server took" },
    { key: "rssMiB", title: "MiB", meaning: "resident memory at the end" },
  ],
  seconds: 10,
  repeats: 3,
  warmUpSeconds: 0,
  options: [],
  targets: [{ row: null, column: "percentOfCore", rival: null, bound: "at most", value: 0.5 }],
  rivals: [],
  rows: () => [LEADER, FOLLOWER],
  open: async (settings) => ({ repeat: (turn) => repeat(settings, turn), close: async () => undefined }),
};

async function repeat(settings: Settings, turn: Turn): Promise<void> {
  const cluster = await Cluster.start(settings);
  try {
    turn.say("settling");
    await pause(Math.min(SETTLE_MS, turn.seconds * 1000));
    let ofFollowers: readonly Record<string, number>[] = [];
    await turn.measure(LEADER, async () => {
      const all = cluster.servers.map((server) => rest(server, turn.seconds));
      const found = new Map(cluster.servers.map((server, place) => [server, all[place]]));
      ofFollowers = await Promise.all(cluster.followers.flatMap((server) => found.get(server) ?? []));
      return { values: (await found.get(cluster.leader)) ?? {} };
    });
    await turn.measure(FOLLOWER, () => ({ values: mostOf(ofFollowers) }));
  } finally {
    await cluster.close();
  }
}

/** By its own account, which is finer than the machine meter's. */
async function rest(server: Server, seconds: number): Promise<Record<string, number>> {
  const before = await server.usage();
  const startedAt = performance.now();
  await pause(seconds * 1000);
  const { cpuSeconds, rssMiB } = await server.usage();
  const took = (performance.now() - startedAt) / 1000;
  return { percentOfCore: (100 * (cpuSeconds - before.cpuSeconds)) / took, rssMiB };
}

/** Of the follower that took most of each. */
function mostOf(all: readonly Record<string, number>[]): Record<string, number> {
  const most = (key: string): number => Math.max(...all.map((each) => each[key] ?? 0));
  return { percentOfCore: most("percentOfCore"), rssMiB: most("rssMiB") };
}
