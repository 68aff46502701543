/** An operator: carries out its orders, each at its time, on servers chosen by the seed. */

import { RaftError } from "@quorate/contracts";
import { membersOf, Random } from "@quorate/core";
import { durationText } from "./duration-text.js";
import type { Machine } from "./machine.js";
import { MemberOrders } from "./member-orders.js";
import { SITUATION_OF } from "./member-situations.js";
import { OperatorCalls, type OperatorOptions, pick } from "./operator-calls.js";
import type { Order } from "./orders.js";

export class Operator {
  readonly calls: OperatorCalls;
  readonly members: MemberOrders;
  readonly #options: OperatorOptions;
  /** A leader that is to be cut off once it has told its successor, for how long. */
  #toCutOff: { readonly machine: Machine; readonly durationMs: number } | null = null;
  /** Whether no other order is carried out, until one that needs rest is done. */
  #isHeldBack = false;
  /** What ends a leader in the midst of a joint change. */
  #crashInJoint: ((leader: Machine) => void) | null = null;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.calls = new OperatorCalls(options);
    this.members = new MemberOrders(options, this.calls);
  }

  schedule(orders: readonly Order[]): void {
    const { time, isOver } = this.#options;
    for (const order of orders) {
      time.schedule(order.atMs, () => {
        if (!isOver() && !this.#isHeldBack) this.#carryOut(order, new Random(order.seed));
      });
    }
  }

  #carryOut(order: Order, random: Random): void {
    switch (order.name) {
      case "any set of members":
        return this.members.changeSet(order, random, 1);
      case "two changes at once":
        return this.members.changeSet(order, random, 2);
      case "join":
        return this.members.letJoin(order, random);
      case "removal":
      case "removal of the leader":
      case "another role":
      case "another priority":
      case "another address":
        return this.members.editOne(order, random);
      case "transfer":
      case "transfer from a leader that is cut off":
        return this.#transfer(order, random);
      default:
        return this.#onMachine(order, random);
    }
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
    this.calls.happened(order, asked, () => `is to have ${to ?? "somebody"} lead within ${durationText(timeoutMs)}`);
    if (isCutOff) this.#toCutOff = { machine: asked, durationMs: order.durationMs };
    void this.calls
      .ask(order.unit, asked, "transfer", (node) => node.transferLeadership({ to, timeoutMs }))
      .then((answer) => {
        this.#onTransferred(answer, to, asked);
      });
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
        if (machine === undefined) return this.#tryLater(order, random);
        this.calls.happened(order, machine, () => "is started again");
        machine.isInService = true;
        return machine.start();
      }
      case "crash in a joint change": {
        const seed = random.nextUint32();
        this.#crashInJoint = (leader) => {
          this.calls.happened(order, leader, () => `dies in a joint change, for ${durationText(order.durationMs)}`);
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
    this.calls.happened(order, machine, () => "hands over, if it leads, and closes");
    const end = this.calls.begin();
    const onClosed = (): void => {
      end();
      if (machine.lives !== lives || !machine.isRunning) return;
      if (isLeader && view.leader !== undefined && view.leader !== machine) saw("a leader handed over as it closed");
      crash(machine, random.nextUint32(), order.durationMs);
    };
    machine.close({ handOver: true }).then(onClosed, (error: unknown) => {
      onClosed();
      if (!(error instanceof RaftError) && !(error instanceof Error)) onOddError(error, "close");
    });
  }

  /**
   * A machine dies, and its disk is blank; it comes back all the same, if the others would know. Nothing may be under way
   * then that would count on it: other orders wait for that, until it is so.
   */
  #loseDisk(order: Order, random: Random): void {
    const { view, account, crash, wipe, time, isOver, parameters } = this.#options;
    if (isOver()) return;
    const candidates = view.machines.filter((each) => view.isMember(each) && each.isRunning);
    const known = candidates.filter((each) => each.entrance === "founds" && view.isKnownByDisk(each));
    const machine = pick(known.length > 0 && random.between(0, 1) < 0.7 ? known : candidates, random);
    const isPossible = machine !== undefined && !account.isLost(machine.id) && account.mayLose(machine.id);
    const { index, configuration } = view.committed;
    // Two can never do without one of them.
    if (index > 0 && configuration.voters.length < 3) return this.#endRest();
    this.#isHeldBack = !isPossible && index > 0;
    if (!isPossible) {
      if (this.calls.pending === 0) this.members.supersede(order);
      time.schedule(time.now + parameters.electionTimeoutMs, () => this.#loseDisk(order, random));
      return;
    }
    const mayReturn = view.isKnownByDisk(machine);
    const more = mayReturn ? "; it is started all the same" : "";
    this.calls.happened(order, machine, () => `dies, and its disk is blank${more}`);
    crash(machine, random.nextUint32(), order.durationMs);
    account.lose(machine.id);
    wipe(machine);
    machine.mayBootstrap = mayReturn;
    if (!mayReturn && machine.entrance === "founds") machine.isInService = false;
    time.schedule(time.now + parameters.electionTimeoutMs, () => this.members.replace(machine, order));
  }

  #tryLater(order: Order, random: Random): void {
    const { time, isOver, parameters } = this.#options;
    time.schedule(time.now + parameters.electionTimeoutMs, () => {
      if (!isOver()) this.#onMachine(order, random);
    });
  }

  #endRest(): void {
    this.#isHeldBack = false;
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
}
