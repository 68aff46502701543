/**
 * An operator: changes members, lets new servers join, hands over leadership, through the API of whichever server is
 * asked. Several orders are under way at once, as if operators did not know of each other; but none of them takes from
 * the cluster what it needs to live (PITFALLS M22, M23).
 */

import { RaftError } from "@quorate/contracts";
import { type MemberChange, type MemberRole, membersOf, Random } from "@quorate/core";
import { adding, type MemberEdit, type RaftNode, removing, updating } from "@quorate/runtime";
import type { Tally } from "../tally.js";
import type { ClusterView } from "./cluster-view.js";
import type { DiskAccount } from "./disk-account.js";
import { durationText } from "./duration-text.js";
import type { Machine } from "./machine.js";
import { marked, placeOf } from "./marks.js";
import type { MemberOutcomes } from "./member-outcomes.js";
import type { MemberSituation } from "./member-situations.js";
import type { Order, OrderName } from "./orders.js";
import type { Command } from "./register-file.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

type Node = RaftNode<Command, number>;

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

const SITUATION_OF: Readonly<Record<string, MemberSituation>> = {
  MEMBERS_CHANGED: "a change was refused: another version is in force",
  CHANGE_PENDING: "a change was refused: another is pending",
  INVALID_MEMBERS: "a change was refused: it cannot be",
  WOULD_LOSE_QUORUM: "a change was refused: it would lose the quorum",
  NOT_COMMITTED: "a change was lost with its leader",
  CHANGE_REPLACED: "a change was replaced by another",
  CHANGE_UNDER_WAY: "a change took longer than its caller waited",
  NO_SUCCESSOR: "a transfer found no successor",
  TRANSFER_FAILED: "a transfer failed",
};

export class Operator {
  readonly #options: OperatorOptions;
  /** Calls without an answer. */
  #pending = 0;
  /** Of calls that may take effect yet: the newest version that they can be based on. */
  #inDoubt = 0;
  #marks = 0;
  /** A leader that is to be cut off once it has told its successor, for how long. */
  #toCutOff: { readonly machine: Machine; readonly durationMs: number } | null = null;
  /** What ends a leader in the midst of a joint change. */
  #crashInJoint: ((leader: Machine) => void) | null = null;
  /** As what the server of a machine is to join. */
  readonly #roles = new Map<Machine, MemberRole>();

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending;
  }

  /** Whether nothing that was asked for may take effect any more. */
  get isQuiet(): boolean {
    return this.#pending === 0 && this.#options.view.committed.index > this.#inDoubt;
  }

  schedule(orders: readonly Order[]): void {
    const { time, isOver } = this.#options;
    for (const order of orders) {
      time.schedule(order.atMs, () => {
        if (!isOver()) this.#carryOut(order, new Random(order.seed));
      });
    }
  }

  #carryOut(order: Order, random: Random): void {
    switch (order.name) {
      case "any set of members":
        return this.#changeSet(order, random, 1);
      case "two changes at once":
        return this.#changeSet(order, random, 2);
      case "join":
        return this.#letJoin(order, random);
      case "removal":
      case "removal of the leader":
      case "another role":
      case "another priority":
      case "another address":
        return this.#editOne(order, random);
      case "transfer":
      case "transfer from a leader that is cut off":
        return this.#transfer(order, random);
      default:
        return this.#onMachine(order, random);
    }
  }

  // --- members ---

  /** Any set from any other; `times` of them at once, on different servers, of which one at most can be done. */
  #changeSet(order: Order, random: Random, times: number): void {
    const { view } = this.#options;
    if (this.#repair(order, random)) return;
    const version = random.between(0, 1) < 0.6 ? pick(view.running, random)?.node?.members().version : undefined;
    for (let time = 0; time < times; time += 1) {
      const asked = pick(view.running, random);
      const members = this.#drawMembers(random);
      if (asked === undefined || members.length === 0) return;
      this.#marks += 1;
      const mark = this.#marks;
      const at = Math.floor(random.between(0, members.length));
      const wanted = members.map((member, place) => (place === at ? marked(member, mark) : member));
      const timeoutMs = this.#patience(random);
      this.#happened(
        order,
        asked,
        () => `change ${mark}: ${describeMembers(wanted)}; upon ${version ?? "what is there"}`,
      );
      this.#options.outcomes.onAsked(mark, wanted, version);
      void this.#change(mark, order.unit, asked, (node) => node.changeMembers({ members: wanted, version, timeoutMs }));
      this.#putIntoService(wanted, order, random);
    }
  }

  #drawMembers(random: Random): MemberChange[] {
    const { view, account } = this.#options;
    const known = membersOf(view.committed.configuration);
    const members: MemberChange[] = [];
    for (const machine of view.machines) {
      const before = known.find(({ name }) => name === machine.memberName);
      if (account.isLost(machine.id) || random.between(0, 1) > (before === undefined ? 0.3 : 0.75)) continue;
      const isWitness = before === undefined ? random.between(0, 1) < 0.15 : before.isWitness === true;
      const role = isWitness ? "witness" : random.between(0, 1) < 0.8 ? "voter" : "learner";
      const priority = random.between(0, 1) < 0.2 ? Math.floor(random.between(1, 4)) : 0;
      members.push({ name: machine.memberName, address: machine.address, role, priority });
    }
    return members;
  }

  /** Those who shall be members, and have never been, claim their places sooner or later. */
  #putIntoService(wanted: readonly MemberChange[], order: Order, random: Random): void {
    const { view, time, isOver } = this.#options;
    for (const machine of view.machines) {
      const member = wanted.find(({ name }) => name === machine.memberName);
      if (member === undefined || !this.#canJoin(machine)) continue;
      time.schedule(time.now + random.between(0, order.durationMs), () => {
        if (!isOver() && this.#canJoin(machine)) this.#join(machine, member.role);
      });
    }
  }

  #editOne(order: Order, random: Random): void {
    const { view } = this.#options;
    if (this.#repair(order, random)) return;
    const { leader } = view;
    const isOfLeader = order.name === "removal of the leader";
    const machine = isOfLeader
      ? leader
      : pick(
          view.machines.filter((each) => view.isMember(each)),
          random,
        );
    const asked = pick(view.running, random);
    if (machine === undefined || asked === undefined) return;
    const name = machine.memberName;
    switch (order.name) {
      case "another role": {
        const isVoter = view.committed.configuration.voters.some((voter) => voter.name === name);
        return this.#edit(
          order,
          random,
          asked,
          updating(name, { role: isVoter ? "learner" : "voter" }),
          `${name}: another role`,
        );
      }
      case "another priority": {
        const priority = Math.floor(random.between(0, 4));
        return this.#edit(order, random, asked, updating(name, { priority }), `${name}: priority ${priority}`);
      }
      case "another address":
        return this.#move(order, random, asked, machine);
      default:
        return this.#edit(order, random, asked, removing(name), `without ${name}`);
    }
  }

  #edit(order: Order, random: Random, asked: Machine, edit: MemberEdit, text: string): void {
    const { outcomes } = this.#options;
    this.#marks += 1;
    const mark = this.#marks;
    const withMark: MemberEdit = (members) => {
      const [first, ...others] = edit(members);
      return first === undefined ? [] : [marked(first, mark), ...others];
    };
    const timeoutMs = this.#patience(random);
    this.#happened(order, asked, () => `change ${mark}: ${text}`);
    outcomes.onAsked(mark, null, undefined);
    void this.#change(mark, order.unit, asked, (node) => node.editMembers(withMark, { timeoutMs }));
  }

  /** The server goes to its new place before, or after, the others know. */
  #move(order: Order, random: Random, asked: Machine, machine: Machine): void {
    const { time, isOver, saw } = this.#options;
    const place = `${machine.memberName}~${order.number}`;
    this.#edit(
      order,
      random,
      asked,
      updating(machine.memberName, { address: place }),
      `${machine.memberName} at ${place}`,
    );
    time.schedule(time.now + random.between(0, order.durationMs), () => {
      if (isOver() || !this.moveIfWanted(machine, random.nextUint32())) return;
      saw("a server went to another address");
    });
  }

  /** Starts the process anew at the address where the others look for it. Says whether there was anything to do. */
  moveIfWanted(machine: Machine, seed: number): boolean {
    const { view, crash } = this.#options;
    const place = view.placeFor(machine);
    if (place === machine.address) return false;
    machine.address = place;
    if (machine.isRunning) crash(machine, seed, 1);
    return true;
  }

  async #change(mark: number, unit: string, asked: Machine, call: (node: Node) => Promise<unknown>): Promise<void> {
    const { outcomes, saw } = this.#options;
    const answer = await this.#ask(unit, asked, `change ${mark}`, call);
    if (answer instanceof RaftError) {
      outcomes.onRefused(mark, answer);
      const situation = SITUATION_OF[answer.code];
      if (situation !== undefined) saw(situation);
      return;
    }
    saw("a change was done");
    outcomes.onDone(mark);
  }

  /** As long as a member has lost its disk, it is what there is to change. */
  #repair(order: Order, random: Random): boolean {
    const { view, account } = this.#options;
    const lost = view.machines.find((machine) => account.isLost(machine.id) && view.isMember(machine));
    if (lost === undefined) return false;
    const asked = pick(
      view.running.filter((machine) => machine !== lost),
      random,
    );
    const name = lost.memberName;
    if (asked !== undefined) this.#edit(order, random, asked, removing(name), `without ${name}, which lost its disk`);
    return true;
  }

  /** Has the cluster consist of these, whoever was to come: others will not. */
  restrictTo(machines: readonly Machine[], asked: Machine): void {
    const { view, outcomes, note, parameters } = this.#options;
    const members = membersOf(view.latest).flatMap((member): MemberChange[] => {
      const machine = machines.find(({ nodeId }) => nodeId === member.id);
      const role = member.isWitness === true ? "witness" : "voter";
      return machine === undefined ? [] : [{ name: member.name, address: machine.address, role }];
    });
    const [first, ...others] = members;
    if (first === undefined) return;
    this.#marks += 1;
    const mark = this.#marks;
    const wanted = [marked(first, mark), ...others];
    note(asked.name, "repair", () => `change ${mark}: ${describeMembers(wanted)}`, "");
    outcomes.onAsked(mark, wanted, undefined);
    const timeoutMs = 10 * parameters.electionTimeoutMs;
    void this.#change(mark, "", asked, (node) => node.changeMembers({ members: wanted, timeoutMs }));
  }

  // --- joining ---

  #canJoin(machine: Machine): boolean {
    const { view } = this.#options;
    const isFree = machine.nodeId === 0 || view.isRemoved(machine);
    return isFree && !machine.isRunning;
  }

  #letJoin(order: Order, random: Random): void {
    const { view } = this.#options;
    const machine = pick(
      view.machines.filter((each) => this.#canJoin(each)),
      random,
    );
    if (machine === undefined) return;
    const roll = random.between(0, 1);
    const role = roll < 0.7 ? "voter" : roll < 0.85 ? "learner" : "witness";
    this.#happened(order, machine, () => `joins as ${role}`);
    // Sometimes its place is made before it comes.
    const asked = random.between(0, 1) < 0.2 ? pick(view.running, random) : undefined;
    if (asked !== undefined) {
      const member = { name: machine.memberName, address: machine.address, role } as const;
      this.#edit(order, random, asked, adding(member), `a place for ${machine.memberName}`);
    }
    this.#join(machine, role);
  }

  #join(machine: Machine, role: MemberRole): void {
    const { wipe, account, saw } = this.#options;
    wipe(machine);
    if (account.isLost(machine.id)) saw("a server that had lost its disk joined anew");
    account.forget(machine.id);
    this.#roles.set(machine, role);
    machine.entrance = "joins";
    machine.isInService = true;
    machine.start();
  }

  roleFor(machine: Machine): MemberRole {
    return this.#roles.get(machine) ?? "voter";
  }

  // --- who leads ---

  #transfer(order: Order, random: Random): void {
    const { view } = this.#options;
    const isCutOff = order.name !== "transfer";
    const asked = isCutOff ? view.leader : pick(view.running, random);
    if (asked === undefined) return;
    const member = pick(membersOf(view.committed.configuration), random);
    const to = random.between(0, 1) < 0.6 ? member?.name : undefined;
    const timeoutMs = random.between(0.1, 6) * this.#options.parameters.electionTimeoutMs;
    this.#happened(order, asked, () => `is to have ${to ?? "somebody"} lead within ${durationText(timeoutMs)}`);
    if (isCutOff) this.#toCutOff = { machine: asked, durationMs: order.durationMs };
    void this.#ask(order.unit, asked, "transfer", (node) => node.transferLeadership({ to, timeoutMs })).then(
      (answer) => {
        this.#onTransferred(answer, to, asked);
      },
    );
  }

  #onTransferred(answer: unknown, to: string | undefined, asked: Machine): void {
    const { saw, outcomes } = this.#options;
    if (!(answer instanceof RaftError)) {
      saw("a transfer was done");
      outcomes.onTransferred(asked.name, to, answer as string);
      return;
    }
    const situation = SITUATION_OF[answer.code];
    if (answer.code === "TIMED_OUT") saw("a transfer took longer than its caller waited");
    else if (situation !== undefined) saw(situation);
  }

  /** A successor was told that it is to lead. */
  onTimeoutNow(from: Machine): void {
    if (this.#toCutOff?.machine !== from || this.#options.isOver()) return;
    const { durationMs } = this.#toCutOff;
    this.#toCutOff = null;
    this.#options.cutOff(from, durationMs);
  }

  // --- machines ---

  #onMachine(order: Order, random: Random): void {
    const { view, crash, saw } = this.#options;
    switch (order.name) {
      case "handing over at the end":
        return this.#closeOne(order, random);
      case "restart of a removed server": {
        const machine = pick(
          view.machines.filter((each) => view.isRemoved(each) && !each.isRunning),
          random,
        );
        if (machine === undefined) return;
        this.#happened(order, machine, () => "is started again");
        machine.isInService = true;
        return machine.start();
      }
      case "crash in a joint change": {
        const seed = random.nextUint32();
        this.#crashInJoint = (leader) => {
          this.#happened(order, leader, () => `dies in a joint change, for ${durationText(order.durationMs)}`);
          saw("a leader died in a joint change");
          crash(leader, seed, order.durationMs);
        };
        return;
      }
      default:
        return this.#loseDisk(order, random);
    }
  }

  #closeOne(order: Order, random: Random): void {
    const { view, crash, onOddError, saw } = this.#options;
    const machine = random.between(0, 1) < 0.7 ? view.leader : pick(view.running, random);
    if (machine?.node === null || machine === undefined) return;
    const { lives } = machine;
    const isLeader = machine.raft?.role === "leader";
    this.#happened(order, machine, () => "hands over, if it leads, and closes");
    this.#pending += 1;
    const onClosed = (): void => {
      this.#pending -= 1;
      if (machine.lives !== lives || !machine.isRunning) return;
      if (isLeader && view.leader !== undefined && view.leader !== machine) saw("a leader handed over as it closed");
      crash(machine, random.nextUint32(), order.durationMs);
    };
    machine.close({ handOver: true }).then(onClosed, (error: unknown) => {
      onClosed();
      if (!(error instanceof RaftError) && !(error instanceof Error)) onOddError(error, "close");
    });
  }

  /** A machine dies, and its disk is blank; it comes back all the same, if the others would know. */
  #loseDisk(order: Order, random: Random): void {
    const { view, account, crash, wipe } = this.#options;
    const machine = pick(
      view.machines.filter((each) => view.isMember(each) && each.isRunning),
      random,
    );
    if (machine === undefined || account.isLost(machine.id) || !account.mayLose(machine.id)) return;
    const mayReturn = view.isKnownByDisk(machine);
    this.#happened(
      order,
      machine,
      () => `dies, and its disk is blank${mayReturn ? "; it is started all the same" : ""}`,
    );
    crash(machine, random.nextUint32(), order.durationMs);
    account.lose(machine.id);
    wipe(machine);
    machine.mayBootstrap = mayReturn;
    if (!mayReturn && machine.entrance === "founds") machine.isInService = false;
  }

  /** After a turn of a leader. */
  onLeaderTurn(machine: Machine): void {
    const { time } = this.#options;
    const crash = this.#crashInJoint;
    if (crash === null || machine.raft === null || machine.raft.configuration.outgoingVoters.length === 0) return;
    this.#crashInJoint = null;
    time.schedule(time.now, () => {
      if (!this.#options.isOver() && machine.isRunning) crash(machine);
    });
  }

  // --- calls ---

  /** What a server is asked that dies meanwhile is never answered. */
  async #ask<T>(
    unit: string,
    machine: Machine,
    what: string,
    call: (node: Node) => Promise<T>,
  ): Promise<T | RaftError> {
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
    return this.#ask("", sponsor, `${member.name} joins`, (node) => node.admit(member, { timeoutMs }));
  }

  #known(error: unknown, asked: string): RaftError {
    if (error instanceof RaftError) return error;
    this.#options.onOddError(error, asked);
    return new RaftError("OUTCOME_UNKNOWN", String(error));
  }

  /** Some have no time for what takes long. */
  #patience(random: Random): number {
    return random.between(0.5, random.between(1, 40)) * this.#options.parameters.electionTimeoutMs;
  }

  #happened(order: Order, machine: Machine, text: () => string): void {
    this.#options.tally.add(order.name);
    this.#options.note(machine.name, order.name, text, order.unit);
  }
}

function pick<T>(from: readonly T[], random: Random): T | undefined {
  return from[Math.floor(random.between(0, from.length))];
}

function describeMembers(members: readonly MemberChange[]): string {
  return members
    .map(({ name, role, address }) => `${name} as ${role}${address === placeOf(address) ? "" : ` (${address})`}`)
    .join(", ");
}
