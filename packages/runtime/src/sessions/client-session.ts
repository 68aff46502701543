/**
 * A session from the side of who uses it: gives out numbers, knows below which all are settled, and keeps those that
 * wait for a number, or for the session to be open (PITFALLS K13).
 */

import { WINDOW } from "./session-table.js";

/** Fewer proposals than this are not looked through for settled ones. */
const PRUNE_FROM = 256;

const NOTHING = new Uint8Array(0);

/** `Item` is a proposal, which is parked as long as it says so. */
export class ClientSession<Item extends { readonly stage: string }> {
  /** 0 until it is open. */
  id: number;
  /** Nothing is executed in it any more. */
  isOver = false;
  isOpening = false;
  /** Whether another one takes its place when it is over: nobody outside knows it. */
  readonly isOwn: boolean;
  #acknowledgedBelow = 1;
  #next = 1;
  /** Made when it counts: for each call in a session that was opened elsewhere there is one of these. */
  #isSettled = NOTHING;
  /** Proposals without a number, from `#head` on; may hold settled ones. */
  #parked: Item[] = [];
  #head = 0;
  #pruneAt = PRUNE_FROM;

  constructor(id: number, isOwn: boolean) {
    this.id = id;
    this.isOwn = isOwn;
  }

  /** All numbers below it are settled, and what they were given to is never sent again. */
  get acknowledgedBelow(): number {
    return this.#acknowledgedBelow;
  }

  /** Whether there is a number to be had. */
  get hasRoom(): boolean {
    return this.id > 0 && this.#next < this.#acknowledgedBelow + WINDOW;
  }

  nextSequence(): number {
    const sequence = this.#next;
    if (this.#isSettled === NOTHING) this.#isSettled = new Uint8Array(WINDOW);
    this.#isSettled[sequence % WINDOW] = 0;
    this.#next += 1;
    return sequence;
  }

  /** Whoever had this number waits no more. */
  settle(sequence: number): void {
    this.#isSettled[sequence % WINDOW] = 1;
    while (this.#acknowledgedBelow < this.#next && this.#isSettled[this.#acknowledgedBelow % WINDOW] === 1) {
      this.#acknowledgedBelow += 1;
    }
  }

  /** How many are kept, settled ones included. For tests. */
  get parkedCount(): number {
    return this.#parked.length - this.#head;
  }

  /** Whether any wait; they may be settled. */
  get hasParked(): boolean {
    return this.#parked.length > 0;
  }

  park(proposal: Item): void {
    // While there is no leader those that gave up leave, or they would gather for as long as that lasts (PITFALLS F4).
    if (this.#parked.length >= this.#pruneAt) {
      this.#parked = this.parked;
      this.#head = 0;
      this.#pruneAt = Math.max(PRUNE_FROM, 2 * this.#parked.length);
    }
    this.#parked.push(proposal);
  }

  /** The first that still waits, taken out; undefined if none does. */
  unpark(): Item | undefined {
    while (this.#head < this.#parked.length) {
      const proposal = this.#parked[this.#head] as Item;
      this.#head += 1;
      if (proposal.stage === "parked") return proposal;
    }
    this.#parked = [];
    this.#head = 0;
    return undefined;
  }

  /** All that wait. */
  get parked(): Item[] {
    return this.#parked.slice(this.#head).filter(({ stage }) => stage === "parked");
  }
}
