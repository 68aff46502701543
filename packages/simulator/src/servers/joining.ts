/**
 * How a process with a blank disk comes into the cluster: it asks one member after the other to take it in, as its
 * service would do for it, until one says its number. The number may be lost on the way, with the process (PITFALLS M17).
 */

import { RaftError } from "@quorate/contracts";
import type { JoinGrant, JoinRequest } from "@quorate/runtime";
import type { ClusterView } from "./cluster-view.js";
import type { Dice } from "./dice.js";
import type { Machine } from "./machine.js";
import type { MemberOutcomes } from "./member-outcomes.js";
import type { MemberSituation } from "./member-situations.js";
import type { Operator } from "./operator.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

/** The share of joiners that die when they have their number, and have not written it down. */
const DEATH_RATE = 0.15;

export interface JoiningOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  readonly view: ClusterView;
  readonly operator: Operator;
  readonly outcomes: MemberOutcomes;
  isOver(): boolean;
  saw(situation: MemberSituation): void;
  note(where: string, kind: string, text: () => string): void;
  crash(machine: Machine, seed: number, restartAfterMs: number): void;
}

export class Joining {
  readonly #options: JoiningOptions;

  constructor(options: JoiningOptions) {
    this.#options = options;
  }

  /** Never settles once the process is dead. */
  async join(machine: Machine, { name, incarnation }: JoinRequest): Promise<JoinGrant> {
    const { dice, operator, outcomes, parameters } = this.#options;
    const { lives } = machine;
    let isInDoubt = false;
    for (let attempt = 1; ; attempt += 1) {
      await this.#pause(parameters.electionTimeoutMs * dice.roll("order", machine.id, lives, attempt));
      const sponsor = this.#sponsorFor(machine, dice.roll("order", machine.id, lives, -attempt));
      if (sponsor === undefined) continue;
      const member = { name, address: machine.address, role: operator.members.roleFor(machine), incarnation };
      const answer = await operator.calls.admit(sponsor, member, 4 * parameters.electionTimeoutMs);
      if (machine.lives !== lives || !machine.isRunning) return never();
      if (!(answer instanceof RaftError)) {
        outcomes.onAdmitted(name, incarnation, answer.nodeId);
        return this.#bringHome(machine, answer);
      }
      if (answer.outcome !== "not-executed") isInDoubt = true;
      if (answer.code !== "INVALID_MEMBERS") continue;
      if (!isInDoubt) outcomes.onNotAdmitted(incarnation, answer);
      throw answer;
    }
  }

  /** Another machine that runs, or nobody. */
  #sponsorFor(machine: Machine, roll: number): Machine | undefined {
    const others = this.#options.view.running.filter((other) => other !== machine);
    return others[Math.floor(roll * others.length)];
  }

  #bringHome(machine: Machine, grant: JoinGrant): JoinGrant | Promise<never> {
    const { dice, parameters, isOver, saw, note, crash } = this.#options;
    const seed = dice.seedFor("order", machine.id, machine.lives);
    if (isOver() || dice.roll("order", machine.id, machine.lives) >= DEATH_RATE) {
      note(machine.name, "joins", () => `as server ${grant.nodeId}, named ${machine.memberName}`);
      return grant;
    }
    note(machine.name, "dies", () => `before it has written down that it is server ${grant.nodeId}`);
    saw("a joiner died with its grant");
    crash(machine, seed, parameters.electionTimeoutMs);
    return never();
  }

  #pause(durationMs: number): Promise<void> {
    const { time } = this.#options;
    return new Promise((resolve) => {
      time.schedule(time.now + durationMs, resolve);
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
