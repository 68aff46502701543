/** `pnpm bench reads`: what reads of the key-value store cost, by how fresh they must be. */

import type { Column, Part, Row, Settings, Target, Turn } from "../frame/part.js";
import type { KvCluster } from "../kv/cluster.js";
import { get } from "../kv/load.js";
import {
  CALLERS,
  CLIENTS,
  COLUMNS,
  clientsFor,
  KEYS,
  keysOf,
  measureCase,
  ONLY_CALLERS,
  openFilled,
  type Writing,
} from "../kv/measure.js";
import { etcdReads } from "../rivals/etcd.js";
import { readRow } from "../rivals/etcd-rows.js";

const CONSISTENCIES = ["linearizable", "lease", "stale"] as const;

interface ReadCase {
  readonly row: Row;
  readonly callers: number;
  readonly consistency: (typeof CONSISTENCIES)[number];
}

const DISK: readonly Column[] = [
  { key: "entries", title: "entries", meaning: "entries that the log gained meanwhile" },
  { key: "diskKiB", title: "disk KiB", meaning: "what the servers had their disks write meanwhile" },
];

/** Against etcd's linearizable reads, but for stale ones, which are held against its serializable reads. */
const RATIOS = { linearizable: 2, lease: 4, stale: 4 } as const;

const TARGETS: readonly Target[] = CONSISTENCIES.flatMap((consistency): Target[] => [
  ...CALLERS.map((callers): Target => {
    const row = readRow(consistency, callers).name;
    return { row, column: "callsPerSecond", rival: etcdReads.name, bound: "at least", value: RATIOS[consistency] };
  }),
]);

export const reads: Part = {
  name: "reads",
  summary:
    "reads of 256 bytes from the key-value store, three processes, callers in another; stale ones at all servers",
  columns: [...COLUMNS, ...DISK],
  seconds: 3,
  repeats: 5,
  warmUpSeconds: 1,
  // So that stale reads, which go to the server that a client was given first, go to all of them.
  options: [ONLY_CALLERS, { ...CLIENTS, usual: 3, quick: 3 }, KEYS],
  targets: [...TARGETS, { row: null, column: "entries", rival: null, bound: "at most", value: 0 }],
  rivals: [etcdReads],
  rows: (settings) => casesOf(settings).map(({ row }) => row),
  open: async (settings, say) => {
    const cluster = await openFilled(settings, say);
    return { repeat: (turn) => repeat(cluster, settings, turn), close: () => cluster.close() };
  },
};

function casesOf({ numbers }: Settings): readonly ReadCase[] {
  const only = numbers[ONLY_CALLERS.name] ?? 0;
  return CONSISTENCIES.flatMap((consistency) =>
    (only === 0 ? CALLERS : [only]).map((callers) => {
      return { row: readRow(consistency, callers), callers, consistency };
    }),
  );
}

async function repeat(cluster: KvCluster, settings: Settings, turn: Turn): Promise<void> {
  for (const { row, callers, consistency } of casesOf(settings)) {
    const call = get(keysOf(settings), consistency);
    const clients = { count: clientsFor(callers, settings), protocol: "kv", whom: "all" } as const;
    await measureCase(cluster, turn, { row, callers, call, clients }, written);
  }
}

function written({ entries, diskBytes }: Writing): Readonly<Record<string, number>> {
  return { entries, ...(diskBytes === null ? {} : { diskKiB: diskBytes / 1024 }) };
}
