/**
 * Journal: a replicated list of strings, made for checking. The answer to a command is its place in the list, and a
 * read tells the whole length, so that lost, doubled, reordered and stale results all show.
 */

import type { CommandCodec, CommittedCommand, StateMachine } from "@quorate/contracts";

export type OnApplied = (committed: CommittedCommand<string>, place: number) => void;

export class Journal implements StateMachine<string, number> {
  readonly #lines: string[] = [];
  readonly #onApplied: OnApplied;

  constructor(onApplied: OnApplied) {
    this.#onApplied = onApplied;
  }

  get length(): number {
    return this.#lines.length;
  }

  apply(committed: CommittedCommand<string>): number {
    this.#lines.push(committed.command);
    this.#onApplied(committed, this.#lines.length);
    return this.#lines.length;
  }
}

/** Lines are ASCII, places are decimal numbers. */
export const journalCodec: CommandCodec<string, number> = {
  encodeCommand: (line) => toBytes(line),
  decodeCommand: (data) => toText(data),
  encodeResult: (place) => toBytes(String(place)),
  decodeResult: (data) => Number(toText(data)),
};

function toBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function toText(data: Uint8Array): string {
  return String.fromCharCode(...data);
}
