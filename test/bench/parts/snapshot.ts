/** `pnpm bench snapshot`: what a leader's proposals feel of snapshots, and of the compaction that follows each. */

import { setTimeout as pause } from "node:timers/promises";
import type { Figures, Part, Row, Settings, Turn } from "../frame/part.js";
import { spread } from "../frame/spread.js";
import { Cluster } from "../servers/cluster.js";
import { inForeground, NO_SNAPSHOTS } from "../servers/foreground.js";
import type { LoadFigures } from "../servers/protocol.js";

const FILL_CLIENTS = 256;
const SETTLE_MS = 3000;

export const snapshot: Part = {
  name: "snapshot",
  summary:
    "all three servers take one snapshot after the other, and compact their logs, under 16 clients in the leader",
  columns: [
    { key: "snapshotMs", title: "snapshot, ms", meaning: "from asking until it is durable and the log is compacted" },
    { key: "mibPerSecond", title: "MiB/s", meaning: "the size of the state, by that" },
    { key: "p99BeforeMs", title: "p99 before, ms", meaning: "of the leader's proposals, before there were snapshots" },
    { key: "p99MeanwhileMs", title: "p99 meanwhile, ms", meaning: "while there was always one under way" },
    { key: "p99Ratio", title: "p99 ratio", meaning: "the one to the other" },
    { key: "writesBefore", title: "writes/s before", meaning: "proposals answered" },
    { key: "writesMeanwhile", title: "writes/s meanwhile", meaning: "the same, while there was always one under way" },
    { key: "delayMs", title: "loop late, ms", meaning: "the longest delay of the leader's event loop meanwhile" },
  ],
  seconds: 3,
  repeats: 3,
  warmUpSeconds: 0,
  options: [
    { name: "entries", meaning: "how many entries the first compaction takes away", usual: 200_000, quick: 50_000 },
  ],
  targets: [{ row: null, column: "p99Ratio", rival: null, bound: "at most", value: 3 }],
  rivals: [],
  rows,
  open: async (settings) => ({
    repeat: async (turn) => {
      for (const row of rows(settings)) await measureRow(settings, turn, row);
    },
    close: async () => undefined,
  }),
};

function rows({ isQuick }: Settings): Row[] {
  const sizes = isQuick ? [16] : [16, 64, 256];
  return sizes.map((stateMiB) => ({ name: `${stateMiB} MiB`, factors: { stateMiB } }));
}

async function measureRow(settings: Settings, turn: Turn, row: Row): Promise<void> {
  const { entries = 200_000 } = settings.numbers;
  const { stateMiB = 16 } = row.factors;
  const cluster = await Cluster.start(settings, { stateMiB, tuning: NO_SNAPSHOTS });
  try {
    const { leader } = cluster;
    turn.say(`${row.name}: filling the log`);
    await leader.ask({ kind: "load", clients: FILL_CLIENTS, entries });
    // The disk is still busy with what filled the log.
    await pause(Math.min(SETTLE_MS, turn.seconds * 1000));
    const [before] = await inForeground(leader, () => pause(turn.seconds * 1000));
    await leader.status();
    const meanwhile = async (): Promise<Figures> => {
      const [load, tookMs] = await inForeground(leader, () => snapshots(cluster, turn.seconds));
      const { loopDelayMs } = await leader.status();
      return {
        operations: load.operations,
        values: { ...figures(before, load, tookMs, stateMiB), delayMs: loopDelayMs },
      };
    };
    await turn.measure(row, meanwhile, cluster.watched);
  } finally {
    await cluster.close();
  }
}

/** One after the other, all servers at the same time, for `seconds` at least; how long each round took, the median. */
async function snapshots({ servers }: Cluster, seconds: number): Promise<number> {
  const tookMs: number[] = [];
  const until = performance.now() + seconds * 1000;
  for (let now = performance.now(); now < until; ) {
    await Promise.all(servers.map((server) => server.ask({ kind: "snapshot" })));
    tookMs.push(performance.now() - now);
    now = performance.now();
  }
  return spread(tookMs).median;
}

function figures(before: LoadFigures, meanwhile: LoadFigures, snapshotMs: number, stateMiB: number) {
  return {
    snapshotMs,
    mibPerSecond: stateMiB / (snapshotMs / 1000),
    p99BeforeMs: before.p99Ms,
    p99MeanwhileMs: meanwhile.p99Ms,
    p99Ratio: meanwhile.p99Ms / before.p99Ms,
    writesBefore: before.operations / before.seconds,
    writesMeanwhile: meanwhile.operations / meanwhile.seconds,
  };
}
