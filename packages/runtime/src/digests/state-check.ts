/** The check of one node's state machine against the others': its digests, and the search for what is different. */

import type { StateCheckMessage } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import type { Answer } from "../sessions/answer.js";
import type { SnapshotSection } from "../snapshot-sections.js";
import { DigestChain } from "./digest-chain.js";
import { Divergence, type DivergenceOptions } from "./divergence.js";

const NO_ANSWER = new Uint8Array(0);

type StateCheckOptions = Omit<DivergenceOptions, "chain">;

interface Check {
  readonly chain: DigestChain;
  readonly divergence: Divergence;
}

export class StateCheck {
  readonly #options: StateCheckOptions;
  /** Null once this server does not know all the answers: then it takes no part. */
  #check: Check | null;

  /** Begins where the log does. */
  constructor(options: StateCheckOptions) {
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

  /** What cannot be encoded on one server cannot be on any. */
  onAnswer(index: Index, answer: Answer<unknown>): void {
    if (this.#check === null) return;
    this.#check.chain.onAnswer(index, answer.kind === "refused" ? NO_ANSWER : (answer.data ?? NO_ANSWER));
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
}

const DIGEST_BYTES = 8;

/**
 * The digest as a part of each snapshot. A server that checks nothing (`check` is null) leaves it empty, and whoever
 * goes on from its snapshot cannot check either.
 */
export function digestSection(check: Pick<StateCheck, "digest" | "restore"> | null): SnapshotSection {
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
