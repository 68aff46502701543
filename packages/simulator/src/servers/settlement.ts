/**
 * After the faults, where members changed: everybody is where the others look for them, whoever will not come back is
 * removed, and then every change that was begun must end (PITFALLS M7, M9, M22).
 */

import { type Configuration, membersOf } from "@quorate/core";
import type { ClusterView } from "./cluster-view.js";
import type { DiskAccount } from "./disk-account.js";
import type { Machine } from "./machine.js";
import type { Operator } from "./operator.js";

export interface SettlementOptions {
  readonly view: ClusterView;
  readonly operator: Operator;
  readonly account: DiskAccount;
}

export class Settlement {
  readonly #options: SettlementOptions;
  #turns = 0;
  /** Until which turn the removal that was asked for is waited for. */
  #patience = 0;

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  /** What an operator sees to: to be called now and then. */
  tend(): void {
    const { view, operator } = this.#options;
    this.#turns += 1;
    for (const machine of view.machines) {
      if (view.isMember(machine)) operator.members.moveIfWanted(machine, this.#turns);
      machine.start();
    }
    const { leader } = view;
    if (leader === undefined || this.#gone(view.latest).length === 0 || this.#turns < this.#patience) return;
    this.#patience = this.#turns + 10;
    operator.members.restrictTo(
      view.machines.filter((machine) => this.#isThere(machine)),
      leader,
    );
  }

  /** Who is to be a member, and will not come: its number was lost, or its disk, or nobody ever started it. */
  #gone(configuration: Configuration): string[] {
    const { view } = this.#options;
    const names: string[] = [];
    for (const member of membersOf(configuration)) {
      const isJoining = view.machines.some(
        ({ memberName, entrance, isRunning, node }) =>
          memberName === member.name && entrance === "joins" && isRunning && node === null,
      );
      const machine = view.machineOf(member);
      if ((machine === undefined || !this.#isThere(machine)) && !isJoining) names.push(member.name);
    }
    return names;
  }

  #isThere({ id, isInService }: Machine): boolean {
    return isInService && !this.#options.account.isLost(id);
  }

  /** Who was removed, or has another disk than the member, is told so by those it asks (PITFALLS M18, M28, O11). */
  #isStranger(machine: Machine): boolean {
    const { view, account } = this.#options;
    const isForeign = view.isMember(machine) && account.isLost(machine.id);
    return (isForeign || view.isRemoved(machine)) && view.asksMembers(machine);
  }

  /** Whether a machine must have everything in the end. */
  mustHaveAll(machine: Machine): boolean {
    const { view } = this.#options;
    const member = membersOf(view.committed.configuration).find(({ id }) => id === machine.nodeId);
    return member !== undefined && member.isWitness !== true;
  }

  /** Null once nothing is under way: somebody leads, the last configuration is committed and final, and all are there. */
  get unfinished(): string | null {
    const { view } = this.#options;
    const { index, configuration } = view.committed;
    const gone = this.#gone(view.latest);
    if (view.leader === undefined) return "nobody leads";
    if (configuration.outgoingVoters.length > 0) return `configuration ${index} is joint`;
    if (configuration.target !== null) return `what configuration ${index} aims at is not reached`;
    if (view.leader.raft?.configurationIndex !== index) return `configuration ${index} is not the last`;
    const stranger = view.machines.find((machine) => machine.node !== null && this.#isStranger(machine));
    if (stranger !== undefined) return `${stranger.name} does not know that it does not belong`;
    return gone.length > 0 ? `${gone.join(", ")} were not removed` : null;
  }
}
