/** The check of one node's state machine against the others': its digests, and the search for what is different. */

import type { CommandCodec, StateCheckMessage } from "@quorate/contracts";
import type { Index } from "@quorate/core";
import { DigestChain, type DigestPlace } from "./digest-chain.js";
import { Divergence, type DivergenceOptions } from "./divergence.js";

const NO_ANSWER = new Uint8Array(0);

export interface StateCheckOptions<Command, Result> extends Omit<DivergenceOptions, "chain"> {
  readonly codec: CommandCodec<Command, Result>;
}

export class StateCheck<Command, Result> {
  readonly #codec: CommandCodec<Command, Result>;
  readonly #chain: DigestChain;
  readonly #divergence: Divergence;

  /** Goes on from `place`: the last entry whose answer is in a digest. */
  constructor({ codec, ...options }: StateCheckOptions<Command, Result>, place: DigestPlace) {
    this.#codec = codec;
    this.#chain = new DigestChain(place);
    this.#divergence = new Divergence({ ...options, chain: this.#chain });
  }

  onResult(index: Index, result: Result): void {
    this.#chain.onAnswer(index, this.#encode(result));
  }

  onPassed(index: Index): void {
    this.#chain.onPassed(index);
  }

  /** To be called in every turn. Returns when the next is needed. */
  onTurn(now: number): number {
    return this.#divergence.onTurn(now);
  }

  onMessage(message: StateCheckMessage): void {
    this.#divergence.onMessage(message);
  }

  /** What cannot be encoded on one server cannot be on any. */
  #encode(result: Result): Uint8Array {
    try {
      return this.#codec.encodeResult(result);
    } catch {
      return NO_ANSWER;
    }
  }
}
