/**
 * Whether this server keeps a state, or is a witness, which votes and keeps the log without the payloads of commands.
 *
 * That never changes in the life of a server's number. But one that has just joined does not know it before its log
 * reaches the configuration that brought it in, and must not take what it was sent without payloads for commands.
 */

import { memberOf, type NodeId, type Raft } from "@quorate/core";
import { checkPart } from "./no-state.js";

export class OwnPart {
  readonly #raft: Raft;
  readonly #nodeId: NodeId;
  #isWitness: boolean | null = null;

  readonly #stateMachine: object;

  constructor(raft: Raft, nodeId: NodeId, stateMachine: object) {
    this.#raft = raft;
    this.#nodeId = nodeId;
    this.#stateMachine = stateMachine;
  }

  /** Whether it is known by now. Throws `NOT_A_WITNESS` as {@link checkPart} does. */
  get isKnown(): boolean {
    return this.#find() !== null;
  }

  get isWitness(): boolean {
    return this.#find() === true;
  }

  #find(): boolean | null {
    if (this.#isWitness !== null) return this.#isWitness;
    const { configuration } = this.#raft;
    const own = memberOf(configuration, this.#nodeId);
    if (own === undefined) return null;
    checkPart(this.#stateMachine, configuration, this.#nodeId);
    this.#isWitness = own.isWitness === true;
    return this.#isWitness;
  }
}
