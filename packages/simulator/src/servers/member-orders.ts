/**
 * Orders about members: any set instead of any other, one edit of one member, a new server. Several are under way at
 * once, as if operators did not know of each other; but none of them takes from the cluster what it needs to live
 * (PITFALLS M22, M23).
 */

import { RaftError } from "@quorate/contracts";
import { type MemberChange, type MemberRole, membersOf, Random } from "@quorate/core";
import { adding, type MemberEdit, removing, updating } from "@quorate/runtime";
import type { Machine } from "./machine.js";
import { marked, placeOf } from "./marks.js";
import { SITUATION_OF } from "./member-situations.js";
import { type Node, type OperatorCalls, type OperatorOptions, pick } from "./operator-calls.js";
import type { Order } from "./orders.js";

export class MemberOrders {
  readonly #options: OperatorOptions;
  readonly #calls: OperatorCalls;
  #marks = 0;
  /** As what the server of a machine is to join. */
  readonly #roles = new Map<Machine, MemberRole>();

  constructor(options: OperatorOptions, calls: OperatorCalls) {
    this.#options = options;
    this.#calls = calls;
  }

  /** Any set from any other; `times` of them at once, on different servers, of which one at most can be done. */
  changeSet(order: Order, random: Random, times: number): void {
    const { view, cutOff, time: clock, isOver } = this.#options;
    if (this.#repair(order, random)) return;
    // Sometimes a leader takes it, and is not heard of any more.
    const unheard = random.between(0, 1) < 0.15 ? view.leader : undefined;
    const version = random.between(0, 1) < 0.6 ? pick(view.running, random)?.node?.members().version : undefined;
    for (let time = 0; time < times; time += 1) {
      const asked = pick(unheard === undefined ? view.running : [unheard], random);
      const members = this.#drawMembers(random);
      if (asked === undefined || members.length === 0) return;
      this.#marks += 1;
      const mark = this.#marks;
      const at = Math.floor(random.between(0, members.length));
      const wanted = members.map((member, place) => (place === at ? marked(member, mark) : member));
      const timeoutMs = this.#calls.patience(random);
      this.#calls.happened(
        order,
        asked,
        () => `change ${mark}: ${describeMembers(wanted)}; upon ${version ?? "what is there"}`,
      );
      this.#options.outcomes.onAsked(mark, wanted, version);
      void this.#change(mark, order.unit, asked, (node) => node.changeMembers({ members: wanted, version, timeoutMs }));
      this.#putIntoService(wanted, order, random);
    }
    if (unheard !== undefined)
      clock.schedule(clock.now, () => {
        if (!isOver()) cutOff(unheard, order.durationMs);
      });
  }

  #drawMembers(random: Random): MemberChange[] {
    const { view, account } = this.#options;
    const known = membersOf(view.committed.configuration);
    const members: MemberChange[] = [];
    // Somebody who mixes them up keeps those that are down, and not the others.
    const isMixedUp = random.between(0, 1) < 0.15;
    for (const machine of view.machines) {
      const before = known.find(({ name }) => name === machine.memberName);
      const wish = before === undefined ? 0.3 : isMixedUp && machine.node !== null ? 0.2 : isMixedUp ? 1 : 0.75;
      if (account.isLost(machine.id) || random.between(0, 1) > wish) continue;
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

  editOne(order: Order, random: Random): void {
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
    const timeoutMs = this.#calls.patience(random);
    this.#calls.happened(order, asked, () => `change ${mark}: ${text}`);
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
    const answer = await this.#calls.ask(unit, asked, `change ${mark}`, call);
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

  /** Makes a change that nothing comes of, so that none of the changes before it can be done any more. */
  supersede(order: Order): void {
    const { leader } = this.#options.view;
    const asOther: Order = { ...order, name: "another priority" };
    if (leader !== undefined) this.#edit(asOther, new Random(order.seed), leader, (members) => members, "as they are");
  }

  /** Does what a server that lost its disk is said to need: removes it, and lets it join anew. */
  replace(machine: Machine, order: Order, tries = 16): void {
    const { isOver, time, view, parameters } = this.#options;
    if (isOver() || tries === 0) return;
    if (this.#canJoin(machine)) return this.#join(machine, "voter");
    if (tries % 4 === 0 && view.isMember(machine)) this.#repair(order, new Random(order.seed + tries));
    time.schedule(time.now + parameters.electionTimeoutMs / 2, () => this.replace(machine, order, tries - 1));
  }

  /** Has the cluster consist of these, whoever was to come: others will not. */
  restrictTo(machines: readonly Machine[], asked: Machine): void {
    const { view, outcomes, note, parameters } = this.#options;
    const members = membersOf(view.latest).flatMap((member): MemberChange[] => {
      const machine = machines.find(({ nodeId }) => nodeId === member.id);
      const role = member.isWitness === true ? "witness" : "voter";
      return machine === undefined ? [] : [{ name: member.name, address: machine.address, role }];
    });
    // Witnesses must be fewer than the others: some may have to go with whom they were there for.
    const voters = members.filter(({ role }) => role === "voter");
    const witnesses = members.filter(({ role }) => role === "witness");
    const [first, ...others] = [...voters, ...witnesses.slice(0, Math.max(0, voters.length - 1))];
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

  letJoin(order: Order, random: Random): void {
    const { view } = this.#options;
    const machine = pick(
      view.machines.filter((each) => this.#canJoin(each)),
      random,
    );
    if (machine === undefined) return;
    const roll = random.between(0, 1);
    const role = roll < 0.7 ? "voter" : roll < 0.85 ? "learner" : "witness";
    this.#calls.happened(order, machine, () => `joins as ${role}`);
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
}

function describeMembers(members: readonly MemberChange[]): string {
  return members
    .map(({ name, role, address }) => `${name} as ${role}${address === placeOf(address) ? "" : ` (${address})`}`)
    .join(", ");
}
