/**
 * The state machine of the servers under measurement: a row of slots of equal size, which commands overwrite in turn. So
 * the log grows, and the state does not. The answer to a command is its index.
 */

import type { CommandCodec, CommittedCommand, StateMachine } from "quorate";

const PAGE_BYTES = 2 ** 20;

/**
 * The slots lie in pages, and a snapshot shares the pages with the state: whoever writes to a shared page copies it
 * first. So a snapshot of any size is taken at once, and costs as much memory as is written while it is read.
 */
export class Slots implements StateMachine<Uint8Array, number> {
  readonly #slots: number;
  readonly #slotBytes: number;
  readonly #pages: Buffer[];
  /** Of each page, whether a snapshot may still read it. */
  readonly #isShared: boolean[];

  /** Of `stateBytes` or a little more. A slot, a power of two, is never larger than a page. */
  constructor(stateBytes: number, slotBytes: number) {
    const pages = Math.max(1, Math.ceil(stateBytes / PAGE_BYTES));
    this.#slotBytes = slotBytes;
    this.#slots = (pages * PAGE_BYTES) / slotBytes;
    this.#pages = Array.from({ length: pages }, () => Buffer.alloc(PAGE_BYTES));
    this.#isShared = Array.from({ length: pages }, () => false);
  }

  apply({ command, index }: CommittedCommand<Uint8Array>): number {
    const at = (index % this.#slots) * this.#slotBytes;
    this.#ownPage(Math.floor(at / PAGE_BYTES)).set(command, at % PAGE_BYTES);
    return index;
  }

  #ownPage(place: number): Buffer {
    const page = this.#pages[place] as Buffer;
    if (!this.#isShared[place]) return page;
    const copy = Buffer.from(page);
    this.#pages[place] = copy;
    this.#isShared[place] = false;
    return copy;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    this.#isShared.fill(true);
    return piecesOf([...this.#pages]);
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let at = 0;
    for await (const piece of pieces) {
      for (let taken = 0; taken < piece.length; ) {
        const page = this.#ownPage(Math.floor(at / PAGE_BYTES));
        const part = piece.subarray(taken, taken + PAGE_BYTES - (at % PAGE_BYTES));
        page.set(part, at % PAGE_BYTES);
        at += part.length;
        taken += part.length;
      }
    }
  }
}

async function* piecesOf(pages: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pages;
}

/**
 * Bytes as they are, for what is measured is not an encoding: the runtime copies what is encoded, and the slots what they
 * are given.
 */
export const slotCodec: CommandCodec<Uint8Array, number> = {
  encodeCommand: (command) => command,
  decodeCommand: (data) => data,
  encodeResult: (result) => new Uint8Array(Float64Array.of(result).buffer),
  decodeResult: (data) => new Float64Array(new Uint8Array(data).buffer)[0] as number,
};
