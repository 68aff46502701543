/** `pnpm bench memory`: whether the memory of a server grows with its log. */

import type { Part, Row, Settings, Turn } from "../frame/part.js";
import { percentile } from "../frame/spread.js";
import { Cluster, type Server } from "../servers/cluster.js";

const LEADER: Row = { name: "leader", factors: {} };
const FOLLOWERS: Row = { name: "followers", factors: {} };
const CLIENTS = 256;
const SAMPLES = 20;
/** While caches fill. */
const EARLY = SAMPLES / 5;

export const memory: Part = {
  name: "memory",
  summary: "one long row of 256-byte entries through three processes: does memory grow with the log?",
  columns: [
    { key: "firstMiB", title: "first fifth MiB", meaning: "resident memory after a fifth of the way" },
    { key: "medianMiB", title: "median MiB", meaning: "resident memory from there on" },
    { key: "lastMiB", title: "last MiB", meaning: "resident memory at the end" },
    {
      key: "farthestPercent",
      title: "farthest %",
      meaning: "by how much it was off the median from there on, at most",
    },
    { key: "entriesPerSecond", title: "entries/s", meaning: "how fast they went through" },
  ],
  seconds: 1,
  repeats: 1,
  warmUpSeconds: 0,
  options: [{ name: "entries", meaning: "how many entries", usual: 1_000_000, quick: 100_000 }],
  targets: [],
  rivals: [],
  rows: () => [LEADER, FOLLOWERS],
  open: async (settings) => ({ repeat: (turn) => repeat(settings, turn), close: async () => undefined }),
};

async function repeat(settings: Settings, turn: Turn): Promise<void> {
  const entries = settings.numbers["entries"] ?? 1_000_000;
  const cluster = await Cluster.start(settings);
  try {
    let samples: Samples = new Map();
    let entriesPerSecond = 0;
    await turn.measure(LEADER, async () => {
      const startedAt = performance.now();
      samples = await fill(cluster, entries, turn);
      entriesPerSecond = entries / ((performance.now() - startedAt) / 1000);
      return { values: { ...growth(samples, [cluster.leader]), entriesPerSecond } };
    });
    await turn.measure(FOLLOWERS, () => ({ values: growth(samples, cluster.followers) }));
  } finally {
    await cluster.close();
  }
}

/** Resident memory of each server, at equal distances. */
type Samples = ReadonlyMap<Server, readonly number[]>;

async function fill({ leader, servers }: Cluster, entries: number, turn: Turn): Promise<Samples> {
  const samples = new Map<Server, number[]>(servers.map((server) => [server, []]));
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    await leader.ask({ kind: "load", clients: CLIENTS, entries: Math.ceil(entries / SAMPLES) });
    for (const [server, own] of samples) own.push((await server.usage()).rssMiB);
    turn.say(`${sample} of ${SAMPLES} samples`);
  }
  return samples;
}

/** Of the server that needs most in the end. */
function growth(all: Samples, servers: readonly Server[]): Record<string, number> {
  const theirs = servers.map((server) => all.get(server) ?? []);
  const [samples = []] = theirs.toSorted((left, right) => (right.at(-1) ?? 0) - (left.at(-1) ?? 0));
  const settled = samples.slice(EARLY);
  const medianMiB = percentile(
    settled.toSorted((left, right) => left - right),
    0.5,
  );
  const farthest = Math.max(...settled.map((value) => Math.abs(value - medianMiB)));
  return {
    firstMiB: samples[EARLY - 1] ?? 0,
    medianMiB,
    lastMiB: samples.at(-1) ?? 0,
    farthestPercent: (100 * farthest) / medianMiB,
  };
}
