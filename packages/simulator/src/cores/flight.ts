/**
 * Messages under way between cores. Each has a name, `from>to/kind@term#number`, that depends on nothing but how many of
 * its like went that way before, so that a shortened run still means the same messages.
 */

import type { Parcel } from "./snapshot-transfer.js";

export interface UnderWay {
  readonly message: Parcel;
  /** Which message of its kind and term this is on its link, from 1 on. */
  readonly number: number;
}

export function nameOf({ message: { from, to, kind, term }, number }: UnderWay): string {
  return `${from}>${to}/${kind}@${term}#${number}`;
}

const KINDS: Readonly<Record<Parcel["kind"], number>> = {
  requestPreVote: 0,
  requestPreVoteResult: 1,
  requestVote: 2,
  requestVoteResult: 3,
  appendEntries: 4,
  appendEntriesResult: 5,
  heartbeat: 6,
  heartbeatResult: 7,
  commit: 8,
  readIndex: 9,
  readIndexResult: 10,
  timeoutNow: 11,
  pullEntries: 12,
  pulledEntries: 13,
  snapshotChunk: 14,
  snapshotChunkResult: 15,
};

/** So many servers there are at most in a run, all told. */
export const MAX_SERVERS = 12;

export class Flight {
  /** Messages beyond this number are lost, the oldest first. */
  capacity = 120;
  /** The oldest first. */
  #underWay: UnderWay[] = [];
  /** By term, kind and link, how many messages were ever sent. */
  readonly #sent = new Map<number, number>();
  /** By link, whether it carries nothing. */
  #blocked: boolean[] = [];

  get size(): number {
    return this.#underWay.length;
  }

  #link(from: number, to: number): number {
    return (from - 1) * MAX_SERVERS + to - 1;
  }

  /** False if the link is cut, and the message lost. */
  add(message: Parcel): boolean {
    const link = this.#link(message.from, message.to);
    const like = (message.term * 16 + KINDS[message.kind]) * MAX_SERVERS ** 2 + link;
    const number = (this.#sent.get(like) ?? 0) + 1;
    this.#sent.set(like, number);
    if (this.#blocked[link] === true) return false;
    if (this.#underWay.length >= this.capacity) this.#underWay.shift();
    this.#underWay.push({ message, number });
    return true;
  }

  /** From the newest, 0, to the oldest. */
  at(age: number): UnderWay {
    return this.#underWay[this.#underWay.length - 1 - age] as UnderWay;
  }

  /** How many younger ones there are. */
  ageOf(underWay: UnderWay): number {
    // The oldest are asked for as often as the newest.
    const place = this.#underWay[0] === underWay ? 0 : this.#underWay.lastIndexOf(underWay);
    return this.#underWay.length - 1 - place;
  }

  find(name: string): UnderWay | undefined {
    return this.#underWay.find((each) => nameOf(each) === name);
  }

  /** Removes the one with so many younger ones. */
  removeAt(age: number): void {
    if (age === this.#underWay.length - 1) this.#underWay.shift();
    else this.#underWay.splice(this.#underWay.length - 1 - age, 1);
  }

  cut(from: number, to: number): void {
    if (from !== to) this.#blocked[this.#link(from, to)] = true;
  }

  heal(): void {
    this.#blocked = [];
  }
}
