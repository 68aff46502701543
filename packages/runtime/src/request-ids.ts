/**
 * Numbers for requests between servers, and what tells a second copy of one from the first.
 *
 * A number is an epoch, drawn at every start, and a count. So numbers rise within the life of a process, and those of
 * two lives differ: an answer to a former one is not mistaken for one of today (PITFALLS R12, Q2).
 */

import { type NodeId, Random } from "@quorate/core";

const COUNTS = 2 ** 32;

export class RequestIds {
  #last: number;

  /** `now` tells two starts apart that were given the same seed. */
  constructor(seed: number, now: number) {
    const random = new Random(seed ^ Math.floor(now * 1000));
    this.#last = (random.nextUint32() >>> 11) * COUNTS;
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

/** Which life of a server this is: a number that no other one draws, 48 bits, not 0 (PITFALLS M18). */
export function mintIncarnation(seed: number, now: number): number {
  const random = new Random(seed ^ Math.floor(now * 1000));
  return (random.nextUint32() >>> 16) * COUNTS + random.nextUint32() + 1;
}

/** How many requests of one server the window reaches back. What comes later than that is taken for a copy. */
const WINDOW = 65_536;

/** How many lives of one server are remembered. */
const MAX_EPOCHS = 4;

/** The requests of one life of one server. */
class Window {
  readonly epoch: number;
  readonly #isSeen = new Uint8Array(WINDOW);
  #highest = -1;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Whether `count` is new; from then on it is not. */
  add(count: number): boolean {
    if (count > this.#highest) {
      if (count - this.#highest >= WINDOW) this.#isSeen.fill(0);
      else for (let each = this.#highest + 1; each < count; each += 1) this.#isSeen[each % WINDOW] = 0;
      this.#highest = count;
    } else if (this.#highest - count >= WINDOW || this.#isSeen[count % WINDOW] === 1) {
      return false;
    }
    this.#isSeen[count % WINDOW] = 1;
    return true;
  }
}

/**
 * What this server has been asked as a leader. A network may deliver a request twice; each is executed once at most.
 * What a former life of this server was asked need not be remembered: it was asked for another term.
 */
export class SeenRequests {
  readonly #windows = new Map<NodeId, Window[]>();

  /** Whether the request is new. */
  add(from: NodeId, requestId: number): boolean {
    const epoch = Math.floor(requestId / COUNTS);
    let windows = this.#windows.get(from);
    if (windows === undefined) {
      windows = [];
      this.#windows.set(from, windows);
    }
    let window = windows.find((each) => each.epoch === epoch);
    if (window === undefined) {
      window = new Window(epoch);
      windows.push(window);
      if (windows.length > MAX_EPOCHS) windows.shift();
    }
    return window.add(requestId % COUNTS);
  }
}
