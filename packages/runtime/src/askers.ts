/** Those who ask for a proposal, and how each is told what became of it. */

import {
  type CommandCodec,
  type PeerMessage,
  type ProposeRequest,
  type ProposeResult,
  RaftError,
} from "@quorate/contracts";
import type { NodeId, Raft } from "@quorate/core";
import type { Asker } from "./proposal.js";
import type { Answer } from "./sessions/answer.js";

const NO_DATA = new Uint8Array(0);

export type Told<Result> = Parameters<Asker<Result>["onAnswer"]>[0];

/** A caller in this process, who wants what `read` makes of the answer. */
export class LocalAsker<Result, Value> implements Asker<Result> {
  readonly #read: (answer: Told<Result>) => Value;
  readonly #resolve: (value: Value) => void;
  readonly #reject: (error: RaftError) => void;
  /** Undoes what listens for the caller's signal. */
  onSettled: (() => void) | null = null;

  constructor(
    read: (answer: Told<Result>) => Value,
    resolve: (value: Value) => void,
    reject: (error: RaftError) => void,
  ) {
    this.#read = read;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onAnswer(answer: Told<Result>): void {
    this.onSettled?.();
    let value: Value;
    try {
      value = this.#read(answer);
    } catch (cause) {
      const error =
        cause instanceof RaftError
          ? cause
          : new RaftError("RESULT_UNAVAILABLE", "The answer cannot be decoded.", { cause });
      this.#reject(error);
      return;
    }
    this.#resolve(value);
  }

  onError(error: RaftError): void {
    this.onSettled?.();
    this.#reject(error);
  }
}

/** What the state machine answered. */
export function resultOf<Command, Result>(codec: CommandCodec<Command, Result>, answer: Told<Result>): Result {
  return answer.kind === "result" ? answer.result : codec.decodeResult(bytesOf(answer));
}

/** The answer as bytes. Throws `RESULT_UNAVAILABLE` if there are none (PITFALLS K12). */
export function bytesOf<Result>({ data }: Told<Result>): Uint8Array {
  if (data === null) throw new RaftError("RESULT_UNAVAILABLE", "The answer is not kept any more, or was no bytes.");
  return data;
}

export interface PeerAskerOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly send: (message: PeerMessage) => void;
  readonly maxCommandBytes: number;
}

/** The leader's side: whom to tell what became of a request. */
export class PeerAsker<Result> implements Asker<Result> {
  readonly #options: PeerAskerOptions;
  readonly #to: NodeId;
  readonly #requestId: number;

  constructor(options: PeerAskerOptions, { from, requestId }: ProposeRequest) {
    this.#options = options;
    this.#to = from;
    this.#requestId = requestId;
  }

  /** An answer that has no bytes, or more than any command may have, stays here. */
  onAnswer({ data }: Exclude<Answer<Result>, { kind: "refused" }>): void {
    if (data !== null && data.length <= this.#options.maxCommandBytes) this.#answer("executed", data, "");
    else this.#answer("unknown", NO_DATA, "RESULT_UNAVAILABLE");
  }

  onError({ outcome, code }: RaftError): void {
    this.#answer(outcome === "not-executed" ? outcome : "unknown", NO_DATA, code);
  }

  #answer(outcome: ProposeResult["outcome"], data: Uint8Array, code: string): void {
    const { nodeId, raft, send } = this.#options;
    const { leaderId } = raft;
    send({
      kind: "proposeResult",
      from: nodeId,
      to: this.#to,
      requestId: this.#requestId,
      outcome,
      data,
      code,
      leaderId,
    });
  }
}
