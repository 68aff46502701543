/**
 * The calls of an operator: to whichever server is asked, through its API. Each is answered, or its server dies; and as
 * long as one may take effect yet, nobody knows who the members are going to be.
 */

import { RaftError } from "@quorate/contracts";
import type { MemberChange, Random } from "@quorate/core";
import type { RaftNode } from "@quorate/runtime";
import type { Tally } from "../tally.js";
import type { ClusterView } from "./cluster-view.js";
import type { DiskAccount } from "./disk-account.js";
import type { Machine } from "./machine.js";
import type { MemberOutcomes } from "./member-outcomes.js";
import type { MemberSituation } from "./member-situations.js";
import type { Order, OrderName } from "./orders.js";
import type { Command } from "./register-file.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

export type Node = RaftNode<Command, number>;

export interface OperatorOptions {
  readonly time: SimulatedTime;
  readonly parameters: ServersParameters;
  readonly view: ClusterView;
  readonly account: DiskAccount;
  readonly outcomes: MemberOutcomes;
  readonly tally: Tally<OrderName>;
  isOver(): boolean;
  saw(situation: MemberSituation): void;
  note(where: string, kind: string, text: () => string, unit: string): void;
  crash(machine: Machine, seed: number, restartAfterMs: number): void;
  /** Cuts all links of a machine for so long. */
  cutOff(machine: Machine, durationMs: number): void;
  /** A machine is given a blank disk. */
  wipe(machine: Machine): void;
  onOddError(error: unknown, asked: string): void;
}
export class OperatorCalls {
  readonly #options: OperatorOptions;
  #pending = 0;
  /** Of calls that may take effect yet: the newest version that they can be based on. */
  #inDoubt = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Calls without an answer. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether nothing that was asked for may take effect any more. */
  get isQuiet(): boolean {
    return this.#pending === 0 && this.#options.view.committed.index > this.#inDoubt;
  }

  /** Something else is under way, until what is returned is called. */
  begin(): () => void {
    this.#pending += 1;
    return () => {
      this.#pending -= 1;
    };
  }

  /** What a server is asked that dies meanwhile is never answered. */
  async ask<T>(unit: string, machine: Machine, what: string, call: (node: Node) => Promise<T>): Promise<T | RaftError> {
    const { node } = machine;
    if (node === null) return new RaftError("CLOSED", `${machine.name} is not running.`);
    const { note, view } = this.#options;
    this.#pending += 1;
    const ended = machine.whenEnded().then(() => new RaftError("OUTCOME_UNKNOWN", `${machine.name} died.`));
    const answered = call(node).catch((error: unknown) => this.#known(error, what));
    const answer = await Promise.race([answered, ended]);
    this.#pending -= 1;
    if (answer instanceof RaftError && answer.outcome === "unknown") this.#inDoubt = view.newestIndex;
    note("operator", "is told", () => `${what}: ${answer instanceof RaftError ? answer.code : "done"}`, unit);
    return answer;
  }

  /** Has a member take in the server of `request`, on behalf of a machine that wants to join. */
  admit(sponsor: Machine, member: MemberChange, timeoutMs: number) {
    return this.ask("", sponsor, `${member.name} joins`, (node) => node.admit(member, { timeoutMs }));
  }

  #known(error: unknown, asked: string): RaftError {
    if (error instanceof RaftError) return error;
    this.#options.onOddError(error, asked);
    return new RaftError("OUTCOME_UNKNOWN", String(error));
  }

  /** Some have no time for what takes long. */
  patience(random: Random): number {
    return random.between(0.5, random.between(1, 40)) * this.#options.parameters.electionTimeoutMs;
  }

  happened(order: Order, machine: Machine, text: () => string): void {
    this.#options.tally.add(order.name);
    this.#options.note(machine.name, order.name, text, order.unit);
  }
}

export function pick<T>(from: readonly T[], random: Random): T | undefined {
  return from[Math.floor(random.between(0, from.length))];
}
