/**
 * `pnpm bench scale`: how figures change with the number of servers, the size of commands, the number of clients and the
 * length of the log. One of them changes at a time.
 */

import { number } from "../frame/number.js";
import type { Figures, Found, Part, Row, Settings, Turn } from "../frame/part.js";
import { Cluster } from "../servers/cluster.js";

/** What a row is of, unless its name says otherwise. */
const BASE = { servers: 3, commandBytes: 256, clients: 64, entries: 0 };
const FILL_CLIENTS = 256;
const WARM_UP_SECONDS = 0.5;

type Case = typeof BASE;

interface Family {
  /** At the end of the names of its rows. */
  readonly unit: string;
  readonly factor: keyof Case;
  /** What must grow no faster than the factor. */
  readonly costs: readonly string[];
}

const FAMILIES: readonly Family[] = [
  { unit: "servers", factor: "servers", costs: ["cpuMicros", "p50Ms", "p99Ms"] },
  { unit: "bytes", factor: "commandBytes", costs: ["cpuMicros", "p50Ms", "p99Ms", "leaderMiB"] },
  { unit: "clients", factor: "clients", costs: ["p50Ms", "p99Ms", "leaderMiB"] },
  { unit: "entries", factor: "entries", costs: ["cpuMicros", "p50Ms", "p99Ms", "leaderMiB", "followerMiB"] },
];

export const scale: Part = {
  name: "scale",
  summary: "3 servers, 64 clients, commands of 256 bytes, an empty log: and one of these after the other larger",
  columns: [
    { key: "writesPerSecond", title: "writes/s", meaning: "proposals answered, made in the leader" },
    { key: "mibPerSecond", title: "MiB/s", meaning: "what they hold" },
    { key: "p50Ms", title: "p50, ms", meaning: "from proposing to the answer, the median" },
    { key: "p99Ms", title: "p99, ms", meaning: "and the 99th percentile" },
    { key: "cpuMicros", title: "CPU µs/write", meaning: "of all servers together, and of the load" },
    { key: "leaderMiB", title: "leader, MiB", meaning: "the most memory that was resident" },
    { key: "followerMiB", title: "follower, MiB", meaning: "the same, of the follower with the most" },
  ],
  seconds: 2,
  repeats: 3,
  warmUpSeconds: 0,
  options: [{ name: "entries", meaning: "the longest log", usual: 10_000_000, quick: 100_000 }],
  targets: [],
  rivals: [],
  rows,
  conclude: (found) => FAMILIES.flatMap((family) => growthOf(found, family)),
  open: async (settings) => ({
    repeat: async (turn) => {
      for (const row of rows(settings)) await measureRow(settings, turn, row);
    },
    close: async () => undefined,
  }),
};

function rows({ isQuick, numbers }: Settings): Row[] {
  const { entries: longest = 10_000_000 } = numbers;
  const lengths = [10_000, 100_000, 1_000_000, 10_000_000].filter((entries) => entries <= longest);
  const of = <Key extends keyof Case>(key: Key, values: readonly number[], unit: string): Row[] =>
    values.map((value) => ({ name: `${value.toLocaleString("en")} ${unit}`, factors: { ...BASE, [key]: value } }));
  return [
    ...of("servers", isQuick ? [3, 5] : [3, 5, 7], "servers"),
    ...of("commandBytes", isQuick ? [256, 4096] : [64, 256, 1024, 4096, 16_384, 65_536], "bytes"),
    ...of("clients", isQuick ? [1, 1024] : [1, 4, 16, 64, 256, 1024, 4096], "clients"),
    ...of("entries", lengths, "entries"),
  ];
}

async function measureRow(settings: Settings, turn: Turn, row: Row): Promise<void> {
  const { servers, commandBytes, clients, entries } = { ...BASE, ...row.factors };
  const cluster = await Cluster.start(settings, { servers, commandBytes });
  try {
    const { leader, followers } = cluster;
    if (entries > 0) {
      turn.say(`${row.name}: filling the log`);
      await leader.ask({ kind: "load", clients: FILL_CLIENTS, entries });
    }
    await leader.ask({ kind: "load", clients, seconds: WARM_UP_SECONDS });
    const load = async (): Promise<Figures> => {
      const before = await cpuSeconds(cluster);
      const figures = await leader.ask({ kind: "load", clients, seconds: turn.seconds });
      const cpuMicros = (1e6 * ((await cpuSeconds(cluster)) - before)) / figures.operations;
      const { highestRssMiB: leaderMiB } = await leader.usage();
      const ofFollowers = await Promise.all(followers.map((follower) => follower.usage()));
      const writesPerSecond = figures.operations / figures.seconds;
      const { p50Ms, p99Ms } = figures;
      const mibPerSecond = (writesPerSecond * commandBytes) / 2 ** 20;
      const followerMiB = Math.max(...ofFollowers.map(({ highestRssMiB }) => highestRssMiB));
      return { values: { writesPerSecond, mibPerSecond, p50Ms, p99Ms, cpuMicros, leaderMiB, followerMiB } };
    };
    await turn.measure(row, load);
  } finally {
    await cluster.close();
  }
}

async function cpuSeconds({ servers }: Cluster): Promise<number> {
  const all = await Promise.all(servers.map((server) => server.usage()));
  return all.reduce((sum, usage) => sum + usage.cpuSeconds, 0);
}

/** How each cost grew from the first row of a family to its last, against what was made larger. */
function growthOf(found: readonly Found[], { unit, factor, costs }: Family): string[] {
  const rowsOf = found.filter(({ name }) => name.endsWith(` ${unit}`));
  const [first, last] = [rowsOf[0], rowsOf.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const times = (last.factors[factor] ?? 1) / (first.factors[factor] ?? 1);
  return costs.flatMap((cost) => {
    const [from, to] = [first.medians[cost], last.medians[cost]];
    if (from === undefined || to === undefined) return [];
    const mark = to / from <= times ? "✓ no worse than linearly" : "✗ worse than linearly";
    const title = scale.columns.find(({ key }) => key === cost)?.title ?? cost;
    return [`${mark}: from ${first.name} to ${last.name} (× ${number(times)}), ${title} × ${number(to / from)}`];
  });
}
