/**
 * Registers: a replicated map of texts, made for checking. The answer to a command is its place among all commands, and
 * a read tells how many there were, so that lost, doubled, reordered and stale results all show. Each command takes a
 * lease as well, which expires by the time of the cluster: at the same entry on every server, soon after its moment.
 */

import type { CommandCodec, CommittedCommand, CommittedTime, StateMachine } from "@quorate/contracts";

export interface Command {
  /** Unique among all requests of the run. */
  readonly id: string;
  readonly f: "put" | "append";
  readonly key: string;
  readonly value: string;
}

export type OnApplied = (committed: CommittedCommand<Command>, place: number) => void;

/** An entry says what time it is; `expired` leases were over by then, all in all. */
export type OnTime = (committed: CommittedTime, expired: number) => void;

/** How long a lease lasts, in milliseconds of the cluster's time. */
const LEASE_MS = 700;

/** Whether a command's answer comes later: a promise of it, or null if it comes at once. */
export type AnswerLater = (place: number) => Promise<number> | null;

export class Registers implements StateMachine<Command, number> {
  readonly #values = new Map<string, string>();
  #length = 0;
  readonly #onApplied: OnApplied;
  readonly #onTime: OnTime;
  readonly #answerLater: AnswerLater;
  /** When each lease expires, by rising time, for they all last equally long. */
  readonly #leases: number[] = [];
  #expired = 0;

  constructor(onApplied: OnApplied, onTime: OnTime, answerLater: AnswerLater) {
    this.#onApplied = onApplied;
    this.#onTime = onTime;
    this.#answerLater = answerLater;
  }

  nextExpiryMs(): number {
    return this.#leases[this.#expired] ?? Number.POSITIVE_INFINITY;
  }

  onTime(committed: CommittedTime): void {
    while (this.nextExpiryMs() <= committed.timeMs) this.#expired += 1;
    this.#onTime(committed, this.#expired);
  }

  /** How many commands were applied. */
  get length(): number {
    return this.#length;
  }

  valueOf(key: string): string {
    return this.#values.get(key) ?? "";
  }

  apply(committed: CommittedCommand<Command>): number | Promise<number> {
    const { f, key, value } = committed.command;
    this.onTime(committed);
    this.#leases.push(committed.timeMs + LEASE_MS);
    this.#values.set(key, f === "put" ? value : this.valueOf(key) + value);
    this.#length += 1;
    this.#onApplied(committed, this.#length);
    const place = this.#length;
    return this.#answerLater(place) ?? place;
  }
}

/** Commands are ASCII; places are decimal numbers. */
export const registersCodec: CommandCodec<Command, number> = {
  encodeCommand: ({ id, f, key, value }) => toBytes(`${id}|${f}|${key}|${value}`),
  decodeCommand: (data) => {
    const [id = "", f, key = "", value = ""] = toText(data).split("|");
    if (f !== "put" && f !== "append") throw new RangeError(`"${toText(data)}" is no command`);
    return { id, f, key, value };
  },
  encodeResult: (place) => toBytes(String(place)),
  decodeResult: (data) => Number(toText(data)),
};

function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
}

function toText(data: Uint8Array): string {
  return String.fromCharCode(...data);
}
