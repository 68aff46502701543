/**
 * Registers that hand out their state and take over another: those that are built anew at every start, and those that
 * keep what they are on a disk of their own, with the index of the last entry in it (PITFALLS C9).
 */

import type { StateMachine } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import {
  type Command,
  Registers,
  type RegistersOptions,
  type RegistersState,
  toBytes,
  toText,
} from "./register-file.js";

/** How a state is cut, in bytes: into more than one piece, mostly. */
const PIECE_BYTES = 100;

/** After how many commands a state is written by itself. */
const FLUSH_EVERY = 7;

export interface SnapshotRegistersOptions extends RegistersOptions {
  /** They have become what they were somewhere else, or in an earlier life. */
  onRestored(state: RegistersState): void;
}

export class SnapshotRegisters extends Registers implements StateMachine<Command, number> {
  readonly #onRestored: (state: RegistersState) => void;
  /** What it last handed out; null if nothing. */
  handedOut: RegistersState | null = null;

  constructor(options: SnapshotRegistersOptions) {
    super(options);
    this.#onRestored = options.onRestored;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    // Before the first piece is asked for: what is applied meanwhile must not show (PITFALLS S13).
    this.handedOut = this.state();
    return inPieces(encodeState(this.handedOut));
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let text = "";
    for await (const piece of pieces) text += toText(piece);
    this.#become(decodeState(text));
  }

  /** Goes on with what an earlier life left. */
  protected resume(kept: string): Index {
    const state = decodeState(kept);
    this.#become(state);
    return state.index;
  }

  #become(state: RegistersState): void {
    this.become(state);
    this.#onRestored(state);
  }
}

/** Where registers keep what they are: it outlives their process. */
export class RegistersDisk {
  #durable = "";
  /** What would be written now; null while no process is there. */
  #current: (() => string) | null = null;

  /** A process has come that will keep what `current` says. */
  attach(current: () => string): void {
    this.#current = current;
  }

  get durable(): string {
    return this.#durable;
  }

  sync(): void {
    if (this.#current !== null) this.#durable = this.#current();
  }

  /** The power fails; `survives` says whether what was not synced is there all the same. */
  crash(survives: () => boolean): void {
    if (this.#current === null) return;
    if (survives()) this.sync();
    this.#current = null;
  }

  rollBack(durable: string): void {
    this.#durable = durable;
  }
}

export class KeptRegisters extends SnapshotRegisters implements StateMachine<Command, number> {
  readonly #disk: RegistersDisk;

  constructor(options: SnapshotRegistersOptions, disk: RegistersDisk) {
    const onApplied: RegistersOptions["onApplied"] = (committed, place) => {
      options.onApplied(committed, place);
      if (place % FLUSH_EVERY === 0) disk.sync();
    };
    super({ ...options, onApplied });
    this.#disk = disk;
  }

  async open(): Promise<Index> {
    const kept = this.#disk.durable;
    const index = kept === "" ? 0 : this.resume(kept);
    this.#disk.attach(() => encodeState(this.state()));
    return index;
  }

  async sync(): Promise<void> {
    this.#disk.sync();
  }
}

async function* inPieces(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < text.length; at += PIECE_BYTES) yield toBytes(text.slice(at, at + PIECE_BYTES));
}

function encodeState(state: RegistersState): string {
  return JSON.stringify(state);
}

function decodeState(text: string): RegistersState {
  return JSON.parse(text);
}
