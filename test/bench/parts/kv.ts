/** `pnpm bench kv`: writes of the key-value store, over the network, from another process. */

import type { Part, Row, Settings, Target, Turn } from "../frame/part.js";
import type { KvCluster } from "../kv/cluster.js";
import { type Protocol, put } from "../kv/load.js";
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
} from "../kv/measure.js";
import { etcdKv } from "../rivals/etcd.js";
import { writeRow } from "../rivals/etcd-rows.js";

interface WriteCase {
  readonly row: Row;
  readonly callers: number;
  readonly protocol: Protocol;
}

/** Of the targets, ours to theirs: writes a second. */
const RATES: Readonly<Record<number, number>> = { 1: 1.2, 16: 2, 64: 3, 256: 3 };

const TARGETS: readonly Target[] = CALLERS.flatMap((callers): Target[] => {
  const common = { row: writeRow(callers).name, rival: etcdKv.name };
  return [
    { ...common, column: "callsPerSecond", bound: "at least", value: RATES[callers] ?? 1 },
    { ...common, column: "perCpuSecond", bound: "at least", value: 2 },
    ...(callers === 1 ? [] : [{ ...common, column: "p99Ms", bound: "at most", value: 0.5 } as const]),
  ];
});

export const kv: Part = {
  name: "kv",
  summary: "256-byte writes to the key-value store, three processes, callers in another; clients write to the leader",
  columns: COLUMNS,
  seconds: 3,
  repeats: 5,
  warmUpSeconds: 1,
  options: [ONLY_CALLERS, CLIENTS, KEYS],
  targets: TARGETS,
  rivals: [etcdKv],
  rows: (settings) => casesOf(settings).map(({ row }) => row),
  open: async (settings, say) => {
    const cluster = await openFilled(settings, say);
    return { repeat: (turn) => repeat(cluster, settings, turn), close: () => cluster.close() };
  },
};

function casesOf({ numbers }: Settings): readonly WriteCase[] {
  const only = numbers[ONLY_CALLERS.name] ?? 0;
  const protocols = ["kv", "http"] as const;
  return protocols.flatMap((protocol) =>
    (only === 0 ? CALLERS : [only]).map((callers) => ({ row: writeRow(callers, protocol), callers, protocol })),
  );
}

async function repeat(cluster: KvCluster, settings: Settings, turn: Turn): Promise<void> {
  const call = put(keysOf(settings));
  for (const { row, callers, protocol } of casesOf(settings)) {
    const clients = { count: clientsFor(callers, settings), protocol, whom: await cluster.settled() };
    await measureCase(cluster, turn, { row, callers, call, clients });
  }
}
