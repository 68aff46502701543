/**
 * Whatever changes in the world of servers when members do: an operator and those who join, which configurations are
 * committed, which servers may stop for it, and which disks the cluster can do without.
 */

import type { RaftError } from "@quorate/contracts";
import { foundingConfiguration, type NodeId } from "@quorate/core";
import type { Ledger, Violation } from "../ledger/index.js";
import { ClusterView } from "./cluster-view.js";
import type { Dice } from "./dice.js";
import { DiskAccount } from "./disk-account.js";
import { durationText } from "./duration-text.js";
import { Joining } from "./joining.js";
import type { Machine } from "./machine.js";
import { MemberOutcomes } from "./member-outcomes.js";
import { situationsBetween } from "./member-situations.js";
import type { Network } from "./network.js";
import { Operator } from "./operator.js";
import type { ServersParameters } from "./servers-parameters.js";
import { Settlement } from "./settlement.js";
import type { SimulatedTime } from "./simulated-time.js";
import type { Spectator } from "./spectator.js";

export interface MembersOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  readonly machines: readonly Machine[];
  readonly network: Network;
  readonly ledger: Ledger;
  readonly spectator: Spectator;
  /** Whether the faulty time is over. */
  isOver(): boolean;
  expectPromises(): void;
  crash(machine: Machine, seed: number, restartAfterMs: number): void;
  onOddError(error: unknown, asked: string): void;
}

export class Members {
  readonly account: DiskAccount;
  readonly operator: Operator;
  readonly joining: Joining;
  /** Null where members stay who they are. */
  readonly settlement: Settlement | null;
  readonly #options: MembersOptions;
  readonly #view: ClusterView;
  readonly #outcomes: MemberOutcomes;
  /** Who has stopped because it was removed. */
  readonly #removed = new Set<NodeId>();
  /** The last configuration that was committed. */
  #index = 0;
  #configuration = foundingConfiguration([]);

  constructor(options: MembersOptions) {
    const { machines, ledger, spectator, parameters, expectPromises } = options;
    this.#options = options;
    this.#view = new ClusterView(machines, () => ledger.committedConfiguration);
    this.account = new DiskAccount((id, lost) => this.#isBearable(id, lost));
    this.#outcomes = new MemberOutcomes((violation: Violation) => spectator.violated(violation));
    const shared = {
      ...options,
      view: this.#view,
      account: this.account,
      outcomes: this.#outcomes,
      tally: spectator.faults,
      saw: (situation: Parameters<typeof spectator.situations.add>[0]) => spectator.situations.add(situation),
      note: (where: string, kind: string, text: () => string, unit = ""): void => {
        expectPromises();
        spectator.note(where, kind, text, unit);
      },
    };
    this.operator = new Operator({
      ...shared,
      cutOff: (machine, durationMs) => this.#cutOff(machine, durationMs),
      wipe: (machine) => {
        machine.disk.wipe();
        if (machine.nodeId > 0) ledger.onDiskLost(machine.nodeId);
      },
    });
    const { operator } = this;
    this.joining = new Joining({ ...shared, operator });
    this.settlement = parameters.spares === 0 ? null : new Settlement({ ...shared, operator });
  }

  /** To be called after each turn of a server. */
  onTurn(machine: Machine): void {
    if (this.settlement === null) return;
    const { ledger, spectator } = this.#options;
    this.#view.onTurn(machine);
    const { index, configuration } = ledger.committedConfiguration;
    if (index > this.#index) {
      this.#index = index;
      this.#outcomes.onCommitted(index, configuration);
      for (const situation of situationsBetween(this.#configuration, configuration, machine.nodeId))
        spectator.situations.add(situation);
      this.#configuration = configuration;
    }
    if (machine.raft?.role === "leader") this.operator.onLeaderTurn(machine);
  }

  #isBearable(id: number, lost: ReadonlySet<number>): boolean {
    const { machines, parameters } = this.#options;
    const machine = machines[id - 1] as Machine;
    if (this.settlement === null) return lost.size < Math.floor((parameters.servers - 1) / 2);
    return this.#view.isMember(machine) && this.operator.calls.isQuiet && this.#view.canLose(machine, lost);
  }

  #cutOff(machine: Machine, durationMs: number): void {
    const { machines, network, spectator, time, isOver } = this.#options;
    const links = machines.filter((other) => other !== machine);
    spectator.note(machine.name, "cut off", () => `for ${durationText(durationMs)}`);
    for (const { id } of links) {
      network.cut(machine.id, id);
      network.cut(id, machine.id);
    }
    time.schedule(time.now + durationMs, () => {
      // When the faulty time is over all links were mended.
      for (const { id } of isOver() ? [] : links) {
        network.mend(machine.id, id);
        network.mend(id, machine.id);
      }
    });
  }

  /** Whether the server was told, and rightly, that it does not belong; what is to be seen of that. */
  isSentAway(machine: Machine, { code }: RaftError, when: "opening" | "running"): boolean {
    const { situations } = this.#options.spectator;
    const { nodeId } = machine;
    if (code === "REMOVED" && this.#view.isRemoved(machine)) {
      const isAgain = this.#removed.has(nodeId);
      situations.add(isAgain ? "a removed server was started again, and stopped" : "a removed server stopped");
      this.#removed.add(nodeId);
      return true;
    }
    if (code === "FOREIGN_INCARNATION" && this.account.isLost(machine.id)) {
      situations.add("a server came back with a blank disk, and was refused");
      return true;
    }
    if (code !== "INVALID_MEMBERS" || when !== "opening" || machine.entrance !== "joins") return false;
    situations.add("a joiner was refused, for its place is taken");
    return true;
  }
}
