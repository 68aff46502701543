/** `pnpm bench kv`: writes of the key-value store, over the network, from another process. */

import type { Part, Row, Settings, Target, Turn } from "../frame/part.js";
import type { KvCluster } from "../kv/cluster.js";
import { put, type Whom } from "../kv/load.js";
import { CALLERS, COLUMNS, KEYS, keysOf, measureCase, ONLY_CALLERS, openFilled } from "../kv/measure.js";
import { etcdKv } from "../rivals/etcd.js";

interface WriteCase {
  readonly row: Row;
  readonly callers: number;
  readonly isSpread: boolean;
}

function rowName(callers: number, isSpread: boolean): string {
  const who = callers === 1 ? "1 caller" : `${callers} callers`;
  return isSpread ? `${who}, at all servers` : who;
}

function caseOf(callers: number, isSpread: boolean): WriteCase {
  return { row: { name: rowName(callers, isSpread), factors: { callers } }, callers, isSpread };
}

const CASES: readonly WriteCase[] = [...CALLERS.map((callers) => caseOf(callers, false)), caseOf(256, true)];

const RATES: readonly (readonly [callers: number, ratio: number])[] = [
  [1, 1.2],
  [16, 2],
  [64, 3],
  [256, 3],
];

const TARGETS: readonly Target[] = RATES.flatMap(([callers, ratio]): Target[] => {
  const common = { row: rowName(callers, false), rival: etcdKv.name };
  return [
    { ...common, column: "callsPerSecond", bound: "at least", value: ratio },
    { ...common, column: "perCpuSecond", bound: "at least", value: 2 },
    ...(callers === 1 ? [] : [{ ...common, column: "p99Ms", bound: "at most", value: 0.5 } as const]),
  ];
});

export const kv: Part = {
  name: "kv",
  summary: "256-byte writes to the key-value store, three processes, callers in another; clients begin with the leader",
  columns: COLUMNS,
  seconds: 3,
  repeats: 5,
  warmUpSeconds: 1,
  options: [ONLY_CALLERS, KEYS],
  targets: TARGETS,
  rivals: [etcdKv],
  rows: (settings) => casesOf(settings).map(({ row }) => row),
  open: async (settings, say) => {
    const cluster = await openFilled(settings, say);
    return { repeat: (turn) => repeat(cluster, settings, turn), close: () => cluster.close() };
  },
};

function casesOf({ numbers }: Settings): readonly WriteCase[] {
  const only = numbers["callers"] ?? 0;
  if (only === 0) return CASES;
  const known = CASES.filter(({ callers }) => callers === only);
  return known.length > 0 ? known : [caseOf(only, false)];
}

async function repeat(cluster: KvCluster, settings: Settings, turn: Turn): Promise<void> {
  for (const { row, callers, isSpread } of casesOf(settings)) {
    const whom: Whom = isSpread ? "all" : await cluster.settled();
    await measureCase(cluster, turn, { row, callers, call: put(keysOf(settings)), whom });
  }
}
