/** `pnpm bench failover`: how long writes fail when the leader is killed, and whether a busy leader keeps its place. */

import type { Figures, Part, Row, Settings, Turn } from "../frame/part.js";
import { gapFigures } from "../kv/calls.js";
import type { KvCluster } from "../kv/cluster.js";
import { type KillFigures, killLeader } from "../kv/kill.js";
import { KEYS, openFilled } from "../kv/measure.js";
import { stallServers } from "../kv/stalls.js";
import { etcdFailover } from "../rivals/etcd.js";

const KILLS: Row = { name: "leader killed", factors: {} };
const STALLS: Row = { name: "event loops stalled", factors: {} };

export const failover: Part = {
  name: "failover",
  summary: "the longest time without a successful write when the leader is killed under load, 16 callers and a probe",
  columns: [
    { key: "kills", title: "kills", meaning: "how often the leader was ended by SIGKILL" },
    {
      key: "medianMs",
      title: "median ms",
      meaning: "of the longest times without a successful write, one of each kill",
    },
    { key: "p90Ms", title: "p90 ms", meaning: "9 of 10 of them were no longer" },
    { key: "worstMs", title: "worst ms", meaning: "the longest of them" },
    { key: "failedWrites", title: "failed writes", meaning: "writes of which a caller was told that they failed" },
    { key: "elections", title: "elections", meaning: "terms that came; after kills, beyond one of each" },
    { key: "stalls", title: "stalls", meaning: "how often an event loop stood still for 100 ms" },
    { key: "callsPerSecond", title: "writes/s", meaning: "writes that succeeded meanwhile" },
  ],
  seconds: 1,
  repeats: 1,
  warmUpSeconds: 0,
  options: [
    { name: "kills", meaning: "how often the leader is killed", usual: 20, quick: 2 },
    { name: "stalls", meaning: "stall the servers under full load for so many minutes first", usual: 0, quick: 0 },
    KEYS,
  ],
  targets: [
    { row: KILLS.name, column: "medianMs", rival: null, bound: "at most", value: 400 },
    { row: KILLS.name, column: "worstMs", rival: null, bound: "at most", value: 1000 },
    { row: STALLS.name, column: "elections", rival: null, bound: "at most", value: 0 },
  ],
  rivals: [etcdFailover],
  rows: ({ numbers }) => [...(numbers["stalls"] ? [STALLS] : []), KILLS],
  open: async (settings, say) => {
    const cluster = await openFilled(settings, say);
    return { repeat: (turn) => repeat(cluster, settings, turn), close: () => cluster.close() };
  },
};

async function repeat(cluster: KvCluster, { numbers }: Settings, turn: Turn): Promise<void> {
  const { stalls = 0, kills = 1 } = numbers;
  if (stalls > 0) await turn.measure(STALLS, () => stalled(cluster, 60 * stalls, turn));
  await turn.measure(KILLS, () => killed(cluster, kills, turn));
}

async function stalled(cluster: KvCluster, seconds: number, turn: Turn): Promise<Figures> {
  const { elections, stalls, writesPerSecond, failedWrites, gapMs } = await stallServers(
    cluster,
    seconds,
    (left, many) => turn.say(`${Math.round(left)} s left, ${many} elections`),
  );
  return { values: { elections, stalls, callsPerSecond: writesPerSecond, failedWrites, worstMs: gapMs } };
}

async function killed(cluster: KvCluster, kills: number, turn: Turn): Promise<Figures> {
  const all: KillFigures[] = [];
  for (let kill = 1; kill <= kills; kill += 1) {
    turn.say(`${kill} of ${kills}`);
    all.push(await killLeader(cluster));
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    values: {
      kills,
      ...gapFigures(all.map(({ gapMs }) => gapMs)),
      failedWrites: sum(all.map(({ failedWrites }) => failedWrites)),
      elections: sum(all.map(({ terms }) => terms)) - kills,
    },
  };
}
