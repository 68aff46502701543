/** A directed graph of numbered nodes, and an order of them that follows its edges. */

export class Graph {
  readonly #successors: number[][] = [];

  constructor(nodes: number) {
    for (let node = 0; node < nodes; node += 1) this.#successors.push([]);
  }

  addNode(): number {
    return this.#successors.push([]) - 1;
  }

  /** An edge from a node to itself says nothing, and is left out. */
  addEdge(from: number, to: number): void {
    if (from !== to) (this.#successors[from] as number[]).push(to);
  }

  /** All nodes, each before its successors; null if there is a cycle. */
  topologicalOrder(): number[] | null {
    const waitsFor = new Int32Array(this.#successors.length);
    for (const successors of this.#successors) {
      for (const node of successors) waitsFor[node] = (waitsFor[node] as number) + 1;
    }
    const order = [...waitsFor.keys()].filter((node) => waitsFor[node] === 0);
    for (let at = 0; at < order.length; at += 1) {
      for (const node of this.#successors[order[at] as number] as number[]) {
        waitsFor[node] = (waitsFor[node] as number) - 1;
        if (waitsFor[node] === 0) order.push(node);
      }
    }
    return order.length === waitsFor.length ? order : null;
  }
}
