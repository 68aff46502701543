/**
 * Registers: a replicated map of texts, made for checking. The answer to a command is its place among all commands, and
 * a read tells how many there were, so that lost, doubled, reordered and stale results all show. Each command takes a
 * lease as well, which expires by the time of the cluster: at the same entry on every server, soon after its moment.
 */

import type { CommandCodec, CommittedCommand, CommittedTime, StateMachine } from "@quorate/contracts";
import type { Index } from "@quorate/core";

export interface Command {
  /** Unique among all requests of the run. */
  readonly id: string;
  readonly f: "put" | "append";
  readonly key: string;
  readonly value: string;
  /** Whether it is written in the new format, which the older version of the program cannot read. */
  readonly isNewFormat?: boolean;
}

/** The application level from which on commands may be of the new format. */
export const NEW_FORMAT_LEVEL = 2;

const NEW_FORMAT = "+";

export type OnApplied = (committed: CommittedCommand<Command>, place: number) => void;

/** An entry says what time it is; `expired` leases were over by then, all in all. */
export type OnTime = (committed: CommittedTime, expired: number) => void;

/** How long a lease lasts, in milliseconds of the cluster's time. */
const LEASE_MS = 700;

/** Whether a command's answer comes later: a promise of it, or null if it comes at once. */
export type AnswerLater = (place: number) => Promise<number> | null;

/** All that the registers are: what a snapshot holds. */
export interface RegistersState {
  /** The last entry that they were given. */
  readonly index: Index;
  /** How many commands were applied. */
  readonly length: number;
  readonly values: readonly (readonly [key: string, value: string])[];
  /** When the leases that are left expire, by rising time. */
  readonly leases: readonly number[];
  /** How many are over. */
  readonly expired: number;
}

export interface RegistersOptions {
  readonly onApplied: OnApplied;
  readonly onTime: OnTime;
  readonly answerLater: AnswerLater;
}

export class Registers implements StateMachine<Command, number> {
  #values = new Map<string, string>();
  #index: Index = 0;
  #length = 0;
  readonly #onApplied: OnApplied;
  readonly #onTime: OnTime;
  readonly #answerLater: AnswerLater;
  /** When each lease expires that is left, by rising time, for they all last equally long. */
  #leases: number[] = [];
  #expired = 0;

  constructor({ onApplied, onTime, answerLater }: RegistersOptions) {
    this.#onApplied = onApplied;
    this.#onTime = onTime;
    this.#answerLater = answerLater;
  }

  nextExpiryMs(): number {
    return this.#leases[0] ?? Number.POSITIVE_INFINITY;
  }

  onTime(committed: CommittedTime): void {
    this.#index = committed.index;
    while (this.nextExpiryMs() <= committed.timeMs) {
      this.#leases.shift();
      this.#expired += 1;
    }
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

  /** What they are at this moment. */
  state(): RegistersState {
    return {
      index: this.#index,
      length: this.#length,
      values: [...this.#values],
      leases: [...this.#leases],
      expired: this.#expired,
    };
  }

  /** Become what they were at some moment, on some server. */
  become({ index, length, values, leases, expired }: RegistersState): void {
    this.#index = index;
    this.#length = length;
    this.#values = new Map(values);
    this.#leases = [...leases];
    this.#expired = expired;
  }
}

/** Commands are ASCII; places are decimal numbers. What cannot be read at `level` is an error. */
export function registersCodec(level: number): CommandCodec<Command, number> {
  return {
    encodeCommand: ({ id, f, key, value, isNewFormat }) =>
      toBytes(`${isNewFormat === true ? NEW_FORMAT : ""}${id}|${f}|${key}|${value}`),
    decodeCommand: (data) => {
      const text = toText(data);
      const isNewFormat = text.startsWith(NEW_FORMAT);
      const [id = "", f, key = "", value = ""] = (isNewFormat ? text.slice(NEW_FORMAT.length) : text).split("|");
      if ((f !== "put" && f !== "append") || (isNewFormat && level < NEW_FORMAT_LEVEL))
        throw new RangeError(`"${text}" is no command`);
      return { id, f, key, value, ...(isNewFormat ? { isNewFormat } : {}) };
    },
    encodeResult: (place) => toBytes(String(place)),
    decodeResult: (data) => Number(toText(data)),
  };
}

export function toBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
}

export function toText(data: Uint8Array): string {
  return String.fromCharCode(...data);
}
