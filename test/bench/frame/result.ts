/** What a run of a part comes to: plain objects, as `--json` prints them and `docs/benchmarks` keeps them. */

import { describeMachine, type Machine } from "./machine.js";
import type { Usage } from "./meter.js";
import type { Column, Figures, Found, Part, Row, Settings, Target } from "./part.js";
import { quietRepeats, type Spread, spread } from "./spread.js";

/** One measurement of one case. */
export interface Repeat {
  readonly values: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly foreignCores: number | null;
  readonly cpuSeconds: number | null;
}

export interface RowResult extends Row {
  /** By column, over the repeats that count. */
  readonly cells: Readonly<Record<string, Spread>>;
  /** Cores that others took: over the repeats that count; null where nobody can tell. */
  readonly foreignCores: Spread | null;
  /** The places of those repeats. */
  readonly used: readonly number[];
  readonly repeats: readonly Repeat[];
}

export interface RivalResult {
  readonly name: string;
  readonly summary: string;
  /** Why it was not compared with, or null. */
  readonly absence: string | null;
  readonly rows: readonly RowResult[];
}

/** How we stand on a target. */
export interface Standing extends Target {
  /** The figure, or the ratio of ours to theirs, one of each repeat; null if there is nothing to tell it by. */
  readonly found: Spread | null;
  readonly isMet: boolean | null;
}

/** Ours to theirs, repeat by repeat. */
export interface Ratio {
  readonly rival: string;
  readonly row: string;
  readonly column: string;
  readonly ratio: Spread;
}

export interface PartResult {
  readonly part: string;
  readonly summary: string;
  readonly at: string;
  readonly machine: Machine;
  readonly settings: Pick<Settings, "seconds" | "repeats" | "isQuick" | "numbers">;
  readonly columns: readonly Column[];
  readonly rows: readonly RowResult[];
  readonly rivals: readonly RivalResult[];
  readonly ratios: readonly Ratio[];
  readonly targets: readonly Standing[];
  /** What the rows together say. */
  readonly conclusions: readonly string[];
}

const PER_CPU_SECOND = "perCpuSecond";

/** Takes down the repeats of one contender. */
export class Ledger {
  readonly #rows = new Map<string, { readonly row: Row; readonly repeats: Repeat[] }>();

  add(row: Row, { operations, values }: Figures, { seconds, foreignCores, ownCpuSeconds, watched }: Usage): void {
    const groups = Object.entries(watched ?? {});
    const cpuSeconds = groups.length > 0 ? groups.reduce((sum, [, each]) => sum + each, 0) : ownCpuSeconds;
    const cores = groups.map(([group, each]) => [`${group}Cores`, each / seconds]);
    const rate = operations === undefined || !cpuSeconds ? {} : { [PER_CPU_SECOND]: operations / cpuSeconds };
    const kept = this.#rows.get(row.name) ?? { row, repeats: [] };
    const all = { ...Object.fromEntries(cores), ...rate, ...values };
    kept.repeats.push({ values: all, seconds, foreignCores, cpuSeconds });
    this.#rows.set(row.name, kept);
  }

  /** Those of `order` first, in that order. */
  results(order: readonly Row[]): RowResult[] {
    const names = new Set([...order.map(({ name }) => name), ...this.#rows.keys()]);
    return [...names].flatMap((name) => {
      const kept = this.#rows.get(name);
      return kept === undefined ? [] : [rowResult(kept.row, kept.repeats)];
    });
  }
}

function rowResult(row: Row, repeats: readonly Repeat[]): RowResult {
  const used = quietRepeats(repeats.map(({ foreignCores }) => foreignCores));
  const kept = used.map((place) => repeats[place] as Repeat);
  const foreign = kept.map(({ foreignCores }) => foreignCores).filter((each) => each !== null);
  const keys = [...new Set(kept.flatMap(({ values }) => Object.keys(values)))];
  const cells = keys.map((key) => [key, spread(kept.flatMap(({ values }) => values[key] ?? []))]);
  return {
    ...row,
    cells: Object.fromEntries(cells),
    foreignCores: foreign.length === 0 ? null : spread(foreign),
    used,
    repeats,
  };
}

/** Puts together what a run of `part` found. */
export function partResult(
  part: Part,
  settings: Settings,
  own: Ledger,
  rivals: readonly {
    readonly name: string;
    readonly summary: string;
    readonly absence: string | null;
    ledger: Ledger;
  }[],
): PartResult {
  const order = part.rows(settings);
  const rows = own.results(order);
  const theirs = rivals.map(({ ledger, ...rest }) => ({ ...rest, rows: ledger.results(order) }));
  const { seconds, repeats, isQuick, numbers } = settings;
  return {
    part: part.name,
    summary: part.summary,
    at: new Date().toISOString(),
    machine: describeMachine(),
    settings: { seconds, repeats, isQuick, numbers },
    columns: part.columns,
    rows,
    rivals: theirs,
    ratios: theirs.flatMap((rival) => ratiosTo(rival, rows, part.columns)),
    targets: part.targets.flatMap((target) => standings(target, rows, theirs)),
    conclusions: part.conclude?.(rows.map(foundIn)) ?? [],
  };
}

function foundIn({ name, factors, cells }: RowResult): Found {
  const medians = Object.entries(cells).map(([key, { median }]) => [key, median]);
  return { name, factors, medians: Object.fromEntries(medians) };
}

function ratiosTo(rival: RivalResult, rows: readonly RowResult[], columns: readonly Column[]): Ratio[] {
  return rows.flatMap((row) =>
    columns.flatMap(({ key }) => {
      const ratio = ratioOf(
        row,
        rival.rows.find(({ name }) => name === row.name),
        key,
      );
      return ratio === null ? [] : [{ rival: rival.name, row: row.name, column: key, ratio }];
    }),
  );
}

/**
 * Ours to theirs in `column`. Repeats that took turns are neighbours in time: so each of ours is held against the one of
 * theirs that followed, and the noise of each pair is that of both together.
 */
function ratioOf(ours: RowResult, theirs: RowResult | undefined, column: string): Spread | null {
  if (theirs === undefined) return null;
  const pairs = Math.min(ours.repeats.length, theirs.repeats.length);
  const found: { readonly ratio: number; readonly foreignCores: number | null }[] = [];
  for (let place = 0; place < pairs; place += 1) {
    const [left, right] = [ours.repeats[place] as Repeat, theirs.repeats[place] as Repeat];
    const ratio = (left.values[column] ?? Number.NaN) / (right.values[column] ?? Number.NaN);
    const isKnown = left.foreignCores !== null && right.foreignCores !== null;
    const foreignCores = isKnown ? Math.max(left.foreignCores ?? 0, right.foreignCores ?? 0) : null;
    if (Number.isFinite(ratio)) found.push({ ratio, foreignCores });
  }
  if (found.length === 0) return null;
  const used = quietRepeats(found.map(({ foreignCores }) => foreignCores));
  return spread(used.map((place) => (found[place] as { ratio: number }).ratio));
}

function standings(target: Target, rows: readonly RowResult[], rivals: readonly RivalResult[]): Standing[] {
  const { row: name, column, rival, bound, value } = target;
  const meant = rows.filter((row) => (name === null || row.name === name) && row.cells[column] !== undefined);
  return meant.map((row) => {
    const theirs = rivals.find((each) => each.name === rival)?.rows.find((each) => each.name === row.name);
    const found = rival === null ? (row.cells[column] ?? null) : ratioOf(row, theirs, column);
    const isMet = found === null ? null : bound === "at least" ? found.median >= value : found.median <= value;
    return { ...target, row: row.name, found, isMet };
  });
}
