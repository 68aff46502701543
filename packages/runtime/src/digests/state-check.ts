/** The check of one node's state machine against the others': its digests, and the search for what is different. */

import type { CommandCodec, StateCheckMessage } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import type { SnapshotSection } from "../snapshot-sections.js";
import { DigestChain } from "./digest-chain.js";
import { Divergence, type DivergenceOptions } from "./divergence.js";

const NO_ANSWER = new Uint8Array(0);

export interface StateCheckOptions<Command, Result> extends Omit<DivergenceOptions, "chain"> {
  readonly codec: CommandCodec<Command, Result>;
}

interface Check {
  readonly chain: DigestChain;
  readonly divergence: Divergence;
}

export class StateCheck<Command, Result> {
  readonly #options: StateCheckOptions<Command, Result>;
  /** Null once this server does not know all the answers: then it takes no part. */
  #check: Check | null;

  /** Begins where the log does. */
  constructor(options: StateCheckOptions<Command, Result>) {
    this.#options = options;
    this.#check = this.#from(0, 0);
  }

  /** The digest of all answers up to now; null if it is not known. */
  get digest(): number | null {
    return this.#check?.chain.last.digest ?? null;
  }

  /** Goes on from the digest that a snapshot holds; takes no part any more if it holds none. */
  restore(digest: number | null, index: Index): void {
    this.#check = digest === null ? null : this.#from(index, digest);
  }

  onResult(index: Index, result: Result): void {
    this.#check?.chain.onAnswer(index, this.#encode(result));
  }

  onPassed(index: Index): void {
    this.#check?.chain.onPassed(index);
  }

  /** To be called in every turn. Returns when the next is needed. */
  onTurn(now: number): number {
    return this.#check?.divergence.onTurn(now) ?? Number.POSITIVE_INFINITY;
  }

  onMessage(message: StateCheckMessage): void {
    this.#check?.divergence.onMessage(message);
  }

  #from(index: Index, digest: number): Check {
    const chain = new DigestChain({ index, digest });
    return { chain, divergence: new Divergence({ ...this.#options, chain }) };
  }

  /** What cannot be encoded on one server cannot be on any. */
  #encode(result: Result): Uint8Array {
    try {
      return this.#options.codec.encodeResult(result);
    } catch {
      return NO_ANSWER;
    }
  }
}

const DIGEST_BYTES = 8;

/**
 * The digest as a part of each snapshot. A server that checks nothing (`check` is null) leaves it empty, and whoever
 * goes on from its snapshot cannot check either.
 */
export function digestSection(check: Pick<StateCheck<never, unknown>, "digest" | "restore"> | null): SnapshotSection {
  return {
    name: "digest",
    save: () => {
      const digest = check?.digest ?? null;
      if (digest === null) return NO_ANSWER;
      const content = new Uint8Array(DIGEST_BYTES);
      new DataView(content.buffer).setFloat64(0, digest);
      return content;
    },
    restore: (content, index) => {
      const isKnown = content?.length === DIGEST_BYTES;
      const digest = isKnown ? new DataView(content.buffer, content.byteOffset).getFloat64(0) : null;
      check?.restore(Number.isSafeInteger(digest) ? digest : null, index);
    },
  };
}
