/**
 * The parts of an object are linearizable each by itself or not at all (Herlihy and Wing: linearizability is local). So
 * the calls on each part are checked apart.
 */

import type { Columns } from "../history.js";
import type { Model } from "../model.js";

export interface Partition {
  /** The name of the part, or the names of the parts that some call joins. */
  readonly names: readonly string[];
  /** Calls in the order of their invocation. */
  readonly calls: Int32Array;
  /** Those of them that returned, in the order in which they did. */
  readonly returned: Int32Array;
}

export function partitionsOf<State, Operation>(
  columns: Columns<Operation>,
  model: Model<State, Operation>,
): Partition[] {
  const count = columns.operations.length;
  const everyCall = Int32Array.from({ length: count }, (_, call) => call);
  if (model.partition === undefined) return [{ names: [], calls: everyCall, returned: columns.byReturn }];
  const parts = new Parts();
  const partOf = new Int32Array(count);
  for (let call = 0; call < count; call += 1) {
    const names = model.partition(columns.operations[call] as Operation);
    partOf[call] = typeof names === "string" ? parts.numberOf(names) : parts.join(names);
  }
  const { numberOf, names } = parts.groups();
  for (let call = 0; call < count; call += 1) partOf[call] = numberOf[partOf[call] as number] as number;
  const calls = split(everyCall, partOf, names.length);
  const returned = split(columns.byReturn, partOf, names.length);
  return names.map((group, number) => ({
    names: group,
    calls: calls[number] as Int32Array,
    returned: returned[number] as Int32Array,
  }));
}

/** `calls` by part, each in the order they are in. */
function split(calls: Int32Array, partOf: Int32Array, parts: number): Int32Array[] {
  const ends = new Int32Array(parts + 1);
  for (const call of calls) {
    const next = (partOf[call] as number) + 1;
    ends[next] = (ends[next] as number) + 1;
  }
  for (let part = 0; part < parts; part += 1) ends[part + 1] = (ends[part + 1] as number) + (ends[part] as number);
  const starts = ends.slice();
  const sorted = new Int32Array(calls.length);
  for (const call of calls) {
    const part = partOf[call] as number;
    const at = ends[part] as number;
    sorted[at] = call;
    ends[part] = at + 1;
  }
  return Array.from({ length: parts }, (_, part) => sorted.subarray(starts[part], starts[part + 1]));
}

/** Names of parts, some of which are joined. */
class Parts {
  readonly #numbers = new Map<string, number>();
  readonly #parents: number[] = [];

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#parents.length;
    this.#numbers.set(name, number);
    this.#parents.push(number);
    return number;
  }

  /** One of the parts, all of which are one from now on. A call that touches nothing has a part of its own. */
  join(names: readonly string[]): number {
    const [first = "", ...others] = names;
    const root = this.#rootOf(this.numberOf(first));
    for (const name of others) this.#parents[this.#rootOf(this.numberOf(name))] = root;
    return root;
  }

  /** The joined parts: the group that each belongs to, and the names in each group. */
  groups(): { readonly numberOf: readonly number[]; readonly names: readonly (readonly string[])[] } {
    const names: string[][] = [];
    const groupOf = new Map<number, number>();
    const numberOf: number[] = [];
    for (const [name, part] of this.#numbers) {
      const root = this.#rootOf(part);
      const group = groupOf.get(root) ?? names.length;
      groupOf.set(root, group);
      numberOf[part] = group;
      if (names[group] === undefined) names[group] = [];
      names[group].push(name);
    }
    return { numberOf, names };
  }

  #rootOf(part: number): number {
    let root = part;
    while (this.#parents[root] !== root) root = this.#parents[root] as number;
    for (let each = part; each !== root; ) {
      const parent = this.#parents[each] as number;
      this.#parents[each] = root;
      each = parent;
    }
    return root;
  }
}
