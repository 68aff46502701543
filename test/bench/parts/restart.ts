/** `pnpm bench restart`: how long a server takes from its start until it serves, with a long log behind it. */

import type { Figures, Part, Row, Run, Settings, Turn } from "../frame/part.js";
import { Cluster } from "../servers/cluster.js";
import { NO_SNAPSHOTS } from "../servers/foreground.js";

const WITHOUT: Row = { name: "without snapshots", factors: { snapshots: 0 } };
const WITH: Row = { name: "with snapshots", factors: { snapshots: 1 } };
const FILL_CLIENTS = 256;

export const restart: Part = {
  name: "restart",
  summary: "a follower starts again with 1,000,000 entries of 256 bytes in its log, while the two others wait",
  columns: [
    {
      key: "servesMs",
      title: "serves, ms",
      meaning: "from calling openNode until a linearizable read on it is answered",
    },
    { key: "openMs", title: "opens, ms", meaning: "from calling openNode until it resolves" },
    { key: "leaderMs", title: "knows the leader, ms", meaning: "from calling openNode until a leader is known" },
    { key: "cpuSeconds", title: "CPU s", meaning: "what its process took until then, Node's own start included" },
    { key: "highestMiB", title: "highest MiB", meaning: "the most memory that was resident until then" },
    {
      key: "entriesPerSecond",
      title: "entries/s",
      meaning: "all entries of the log, by how long it took until it served",
    },
  ],
  seconds: 1,
  repeats: 5,
  warmUpSeconds: 0,
  options: [{ name: "entries", meaning: "how long the log is", usual: 1_000_000, quick: 100_000 }],
  targets: [
    { row: null, column: "servesMs", rival: null, bound: "at most", value: 2000 },
    { row: null, column: "highestMiB", rival: null, bound: "at most", value: 150 },
  ],
  rivals: [],
  rows: () => [WITHOUT, WITH],
  open,
};

interface Prepared {
  readonly row: Row;
  readonly cluster: Cluster;
}

async function open(settings: Settings, say: (text: string) => void): Promise<Run> {
  const entries = settings.numbers["entries"] ?? 1_000_000;
  const prepared: Prepared[] = [];
  for (const row of [WITHOUT, WITH]) {
    const cluster = await Cluster.start(settings, { tuning: row === WITHOUT ? NO_SNAPSHOTS : {} });
    prepared.push({ row, cluster });
    say(`filling the log, ${row.name}`);
    await cluster.leader.ask({ kind: "load", clients: FILL_CLIENTS, entries });
    await Promise.all(cluster.followers.map((follower) => follower.ask({ kind: "read" })));
  }
  return {
    repeat: async (turn) => {
      for (const { row, cluster } of prepared) await restartFollower(turn, row, cluster, entries);
    },
    close: async () => {
      await Promise.all(prepared.map(({ cluster }) => cluster.close()));
    },
  };
}

async function restartFollower(turn: Turn, row: Row, cluster: Cluster, entries: number): Promise<void> {
  const [{ name } = { name: "" }] = cluster.followers;
  await cluster.stop(name);
  await turn.measure(row, async (): Promise<Figures> => {
    const server = cluster.open(name);
    await cluster.until(() => server.openMs !== null);
    const servesMs = await server.ask({ kind: "read" });
    const { cpuSeconds, highestRssMiB } = await server.usage();
    return {
      values: {
        servesMs,
        openMs: server.openMs ?? Number.NaN,
        leaderMs: server.leaderMs ?? Number.NaN,
        cpuSeconds,
        highestMiB: highestRssMiB,
        entriesPerSecond: entries / (servesMs / 1000),
      },
    };
  });
}
