/**
 * What is known of each number of a session, from the lowest that is not acknowledged on: a row that loses its start and
 * grows at its end. Numbers that nobody used yet are holes in it.
 */

export class SequenceWindow<Item> {
  #slots: (Item | undefined)[] = [];
  /** Where the row begins. */
  #head = 0;
  #first = 1;

  /** The lowest number that is not acknowledged. */
  get first(): number {
    return this.#first;
  }

  /** Undefined also below {@link first}. */
  get(sequence: number): Item | undefined {
    return sequence < this.#first ? undefined : this.#slots[this.#head + sequence - this.#first];
  }

  /** `sequence` is not below {@link first}, and not far above it. */
  set(sequence: number, item: Item): void {
    const place = this.#head + sequence - this.#first;
    while (this.#slots.length < place) this.#slots.push(undefined);
    this.#slots[place] = item;
  }

  /** Forgets all below `first`, and says each to `onForgotten`. Does nothing if that is no further. */
  advanceTo(first: number, onForgotten: (item: Item) => void): void {
    if (first <= this.#first) return;
    const end = Math.min(this.#slots.length, this.#head + first - this.#first);
    this.#first = first;
    for (; this.#head < end; this.#head += 1) {
      const item = this.#slots[this.#head];
      this.#slots[this.#head] = undefined;
      if (item !== undefined) onForgotten(item);
    }
    if (this.#head === this.#slots.length) {
      this.#slots.length = 0;
      this.#head = 0;
    } else if (this.#head > 256 && 2 * this.#head > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }

  /** All that is known, by rising number. */
  items(): Item[] {
    return this.#slots.filter((item) => item !== undefined);
  }
}
