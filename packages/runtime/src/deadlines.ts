/**
 * What must be settled by a moment, the earliest first: a binary heap that knows where each item is, so that one which
 * is settled earlier leaves at once and nothing is kept alive by its timeout.
 */

export interface Timed {
  /** On the node's clock, in milliseconds. Changed only while it is in no queue. */
  deadline: number;
  /** Its place in the queue; −1 while it is in none. Only the queue writes it. */
  slot: number;
}

export class DeadlineQueue<Item extends Timed> {
  readonly #heap: Item[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline; `Infinity` if there is none. */
  get earliest(): number {
    return this.#heap[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  /** An item with the earliest deadline. */
  get first(): Item | undefined {
    return this.#heap[0];
  }

  /** All items, in no particular order. */
  items(): Item[] {
    return [...this.#heap];
  }

  add(item: Item): void {
    this.#heap.push(item);
    this.#siftUp(item, this.#heap.length - 1);
  }

  /** Does nothing if the item is in no queue. */
  remove(item: Item): void {
    const { slot } = item;
    if (slot === -1) return;
    item.slot = -1;
    const last = this.#heap.pop() as Item;
    if (last === item) return;
    this.#siftUp(last, slot);
    this.#siftDown(last, last.slot);
  }

  /** Moves the deadline of an item that is in the queue. */
  reschedule(item: Item, deadline: number): void {
    this.remove(item);
    item.deadline = deadline;
    this.add(item);
  }

  /** Takes out one item whose deadline has come. */
  takeDue(now: number): Item | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadline > now) return undefined;
    this.remove(first);
    return first;
  }

  /** Most items wait equally long, so that a new one mostly stays at the end. */
  #siftUp(item: Item, from: number): void {
    let slot = from;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = this.#heap[above] as Item;
      if (parent.deadline <= item.deadline) break;
      this.#put(parent, slot);
      slot = above;
    }
    this.#put(item, slot);
  }

  #siftDown(item: Item, from: number): void {
    let slot = from;
    for (;;) {
      let below = 2 * slot + 1;
      const left = this.#heap[below];
      if (left === undefined) break;
      const right = this.#heap[below + 1];
      let child = left;
      if (right !== undefined && right.deadline < left.deadline) {
        below += 1;
        child = right;
      }
      if (child.deadline >= item.deadline) break;
      this.#put(child, slot);
      slot = below;
    }
    this.#put(item, slot);
  }

  #put(item: Item, slot: number): void {
    this.#heap[slot] = item;
    item.slot = slot;
  }
}
