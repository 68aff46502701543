/**
 * Which server can send to which: a directed graph of a few servers, as the bits of a number. And all such graphs, each
 * that differs from an earlier one in nothing but the names of the servers left out.
 */

import type { NodeId } from "@quorate/core";

/** Bit `linkOf(size, from, to)` is set if `from` can send to `to`. */
export type Graph = number;

/** `permutation[id]` is what server `id` is called now. Place 0 stays free. */
export type Permutation = readonly NodeId[];

/** A graph that stands for all that are like it, and the ways to rename its servers that change nothing. */
export interface GraphClass {
  readonly graph: Graph;
  readonly symmetries: readonly Permutation[];
}

function linkOf(size: number, from: NodeId, to: NodeId): number {
  return (from - 1) * (size - 1) + (to > from ? to - 2 : to - 1);
}

export function idsOf(size: number): NodeId[] {
  return Array.from({ length: size }, (_, place) => place + 1);
}

function linksOf(size: number): (readonly [from: NodeId, to: NodeId])[] {
  return idsOf(size).flatMap((from) => idsOf(size).flatMap((to) => (to === from ? [] : [[from, to] as const])));
}

export function canSend(size: number, graph: Graph, from: NodeId, to: NodeId): boolean {
  return (graph & (1 << linkOf(size, from, to))) !== 0;
}

/** The servers that can talk with a majority, themselves included, in both directions. */
export function quorumConnected(size: number, graph: Graph): NodeId[] {
  const ids = idsOf(size);
  return ids.filter((id) => {
    const talksWith = (other: NodeId): boolean =>
      other === id || (canSend(size, graph, id, other) && canSend(size, graph, other, id));
    return 2 * ids.filter(talksWith).length > size;
  });
}

/** One graph of each class, and how it maps to itself; for at most five servers. */
export function graphClasses(size: number): GraphClass[] {
  const permutations = permutationsOf(idsOf(size)).map((list) => [0, ...list]);
  const links = linksOf(size);
  const bitMaps = permutations.map((permutation) =>
    links.map(([from, to]) => 1 << linkOf(size, permutation[from] as NodeId, permutation[to] as NodeId)),
  );
  const count = 2 ** links.length;
  const isKnown = new Uint8Array(count);
  const classes: GraphClass[] = [];
  for (let graph = 0; graph < count; graph += 1) {
    if (isKnown[graph] === 1) continue;
    const symmetries: Permutation[] = [];
    for (const [place, bitMap] of bitMaps.entries()) {
      const image = renamed(graph, bitMap);
      isKnown[image] = 1;
      if (image === graph) symmetries.push(permutations[place] as Permutation);
    }
    classes.push({ graph, symmetries });
  }
  return classes;
}

/** The class of one graph, which stands for it. */
export function graphClassOf(size: number, graph: Graph): GraphClass {
  const links = linksOf(size);
  const symmetries = permutationsOf(idsOf(size))
    .map((list) => [0, ...list])
    .filter((permutation) =>
      links.every(
        ([from, to]) =>
          canSend(size, graph, from, to) ===
          canSend(size, graph, permutation[from] as NodeId, permutation[to] as NodeId),
      ),
    );
  return { graph, symmetries };
}

function renamed(graph: Graph, bitMap: readonly number[]): Graph {
  let image = 0;
  for (const [bit, to] of bitMap.entries()) if ((graph & (1 << bit)) !== 0) image |= to;
  return image;
}

function permutationsOf(ids: readonly NodeId[]): NodeId[][] {
  if (ids.length === 0) return [[]];
  return ids.flatMap((first) => permutationsOf(ids.filter((id) => id !== first)).map((rest) => [first, ...rest]));
}

/** `1-2` for a link in both directions, `3>4` for one; "none". The other links are broken. */
export function describeGraph(size: number, graph: Graph): string {
  const words = linksOf(size).flatMap(([from, to]) => {
    if (!canSend(size, graph, from, to)) return [];
    if (!canSend(size, graph, to, from)) return [`${from}>${to}`];
    return from < to ? [`${from}-${to}`] : [];
  });
  return words.length === 0 ? "none" : words.join(" ");
}

/** The graph that {@link describeGraph} describes. Throws a `RangeError` on other words. */
export function parseGraph(size: number, text: string): Graph {
  let graph = 0;
  for (const word of text === "none" ? [] : text.split(" ")) {
    const [, from = "", kind = "", to = ""] = /^(\d)([->])(\d)$/.exec(word) ?? [];
    const [one, other] = [Number(from), Number(to)];
    if (!(one >= 1 && one <= size && other >= 1 && other <= size && one !== other))
      throw new RangeError(`"${word}" is no link between ${size} servers`);
    graph |= 1 << linkOf(size, one, other);
    if (kind === "-") graph |= 1 << linkOf(size, other, one);
  }
  return graph;
}
