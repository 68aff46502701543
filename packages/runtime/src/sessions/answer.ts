/** What became of a command that was applied: its answer, or why it was not executed. */

import type { CommandCodec, RaftErrorCode } from "@quorate/contracts";

/** The answer of the state machine, just now. As bytes only if somebody asks: most answers are never sent. */
export class Reply<Result> {
  readonly kind = "result";
  readonly result: Result;
  readonly #codec: Pick<CommandCodec<never, Result>, "encodeResult">;
  #data: Uint8Array | null | undefined = undefined;

  constructor(result: Result, codec: Pick<CommandCodec<never, Result>, "encodeResult">) {
    this.result = result;
    this.#codec = codec;
  }

  /** Null if it cannot be encoded: the command was executed all the same. */
  get data(): Uint8Array | null {
    if (this.#data === undefined) this.#data = this.#encode();
    return this.#data;
  }

  #encode(): Uint8Array | null {
    try {
      return this.#codec.encodeResult(this.result);
    } catch {
      return null;
    }
  }
}

/**
 * - `result`: the state machine answered just now.
 * - `bytes`: an answer from the session table; null if it is no longer there.
 * - `refused`: for the reason that `code` names; not executed now, whatever was before.
 */
export type Answer<Result> =
  | Reply<Result>
  | { readonly kind: "bytes"; readonly data: Uint8Array | null }
  | { readonly kind: "refused"; readonly code: RaftErrorCode; readonly message: string };
