/**
 * Random runs of a cluster: how each draw of `random-actions.ts` is carried out. Most messages arrive in good order,
 * or nothing would ever be elected; but copies of many fall into limbo, from which the newest and, now and then, very
 * old ones come back. That is where Raft goes wrong when it goes wrong.
 */

import {
  type Configuration,
  type Member,
  type MemberChange,
  type MemberRole,
  membersOf,
  type NodeId,
} from "../../src/index.js";
import { Cluster } from "./cluster.js";
import { type Action, NAMES, type RunOptions, type ServerAction } from "./random-actions.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, type Travelling } from "./server.js";

const MOVES: ReadonlySet<Action["kind"]> = new Set([
  "change",
  "addOrRemove",
  "transfer",
  "compact",
  "crashAfterSnapshot",
]);

function asWanted({ name, address, isWitness, priority = 0 }: Member): MemberChange {
  return { name, address, role: isWitness === true ? "witness" : "voter", priority };
}

/** Nobody turns from or into a witness: who is one stays one, and who is none becomes a voter. */
function roleOf(name: string, role: MemberRole | null, configuration: Configuration): MemberRole | null {
  const member = membersOf(configuration).find((each) => each.name === name);
  if (role === null || member === undefined) return role;
  if (member.isWitness === true) return "witness";
  return role === "witness" ? "voter" : role;
}

export class RandomRun {
  readonly cluster: Cluster;
  readonly #options: RunOptions;
  #limbo: Travelling[] = [];
  #proposals = 0;
  #sent = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    const { size, seed, allowsQuiet } = options;
    this.cluster = new Cluster({ size, seed, allowsQuiet });
    this.cluster.maxEntriesPerAppend = options.maxEntriesPerAppend;
    this.cluster.onSend = (message) => this.#onSend(message);
  }

  /** Whether the message goes on its way. */
  #onSend(message: Travelling): boolean {
    this.#sent += 1;
    if (this.#sent % this.#options.limboEvery === 0) this.#limbo.push(message);
    return this.#sent % this.#options.loseEvery !== 0;
  }

  perform(action: Action): void {
    const { cluster } = this;
    if (!this.#options.isMoving && MOVES.has(action.kind)) return;
    switch (action.kind) {
      case "run":
        return cluster.run(action.ms);
      case "proposeToLeader":
        for (const { id, raft } of cluster.running) if (raft.role === "leader") this.#propose(id);
        return;
      case "readEverywhere":
        for (const { id } of cluster.running) cluster.read(id);
        return;
      case "heal":
        cluster.paused.clear();
        return cluster.network.heal();
      case "deliver":
      case "lose":
        return this.#disturb(action.kind, action.at);
      case "fromLimbo":
        return this.#deliverFromLimbo(action.age / 1000);
      case "coup":
        return this.#coup(this.#id(action.companion), action.entries, action.pauses);
      case "cut":
        return this.#cut(this.#id(action.one), this.#id(action.other), action.bothWays);
      case "change":
        return this.#change(action.roles, action.priorities);
      case "addOrRemove":
        return this.#addOrRemove(NAMES[action.name % NAMES.length] as string, action.staleness);
      case "transfer":
        for (const { id, raft } of cluster.running) if (raft.role === "leader") cluster.transfer(id, action.to);
        return;
      default:
        return this.#performOn(this.#id(action.server), action);
    }
  }

  #performOn(id: NodeId, action: ServerAction): void {
    const { cluster } = this;
    if (cluster.down.has(id)) {
      if (action.kind === "restart" || action.kind === "campaign") cluster.restart(id);
      return;
    }
    switch (action.kind) {
      case "campaign":
        return cluster.campaign(id);
      case "read":
        cluster.read(id);
        return;
      case "restart":
        cluster.crash(id);
        return cluster.restart(id);
      case "crash":
        cluster.crash(id, action.writes);
        if (this.#options.tellsLosses) cluster.tellLoss(id);
        return;
      case "suspect":
        return cluster.input(id, { kind: "suspect", peer: this.#id(action.peer) });
      case "holdWrites":
        cluster.holdingWrites.add(id);
        return;
      case "finishWrites":
        cluster.holdingWrites.delete(id);
        return cluster.persist(id);
      case "persist":
        return cluster.persist(id, action.writes + 1);
      case "oneTurn":
        return this.#oneTurn(id, action.most);
      case "compact":
        return cluster.compact(id, action.keep);
      case "crashAfterSnapshot":
        return this.#crashAfterSnapshot(id, action.writes);
    }
  }

  #id(drawn: number): NodeId {
    return (drawn % this.cluster.servers.size) + 1;
  }

  /** Asks every leader for these members. */
  #change(roles: readonly (MemberRole | null)[], priorities: readonly number[]): void {
    for (const { id, raft } of this.cluster.running) {
      if (raft.role !== "leader") continue;
      const members = NAMES.flatMap((name, place): MemberChange[] => {
        const role = roleOf(name, roles[place] ?? null, raft.configuration);
        return role === null ? [] : [{ name, address: `${name}:1`, role, priority: priorities[place] ?? 0 }];
      });
      this.cluster.changeMembers(id, members);
    }
  }

  /** Asks every leader to take in `name`, or to remove it. Now and then based on a version that is not in force. */
  #addOrRemove(name: string, staleness: number): void {
    for (const { id, raft } of this.cluster.running) {
      if (raft.role !== "leader") continue;
      const { voters, learners } = raft.configuration;
      const isVoter = voters.some((voter) => voter.name === name);
      const wanted = isVoter ? voters.filter((voter) => voter.name !== name) : voters;
      const members = wanted.map(asWanted);
      if (!isVoter) members.push({ name, address: `${name}:1`, role: "voter" });
      for (const learner of learners)
        if (learner.name !== name) members.push({ ...asWanted(learner), role: "learner" });
      this.cluster.changeMembers(id, members, raft.configurationIndex - (staleness === 0 ? 1 : 0));
    }
  }

  /** A snapshot that is on its way to a server becomes durable there, and the machine stops right after. */
  #crashAfterSnapshot(id: NodeId, completing: number): void {
    const { cluster } = this;
    const envelope = cluster.network.select({ to: id, kind: "snapshot" })[0];
    if (envelope?.message.kind !== "snapshot") return;
    cluster.network.remove(envelope);
    cluster.save(envelope.message);
    cluster.crash(id, completing);
  }

  #propose(id: NodeId): void {
    this.#proposals += 1;
    this.cluster.propose(id, `p${this.#proposals}`);
  }

  /**
   * The leader, and `companion` with it, is cut off with some new entries; the others elect and go on without them. With
   * `pauses` the leader's process stands still meanwhile: when it wakes up, it believes that it leads.
   */
  #coup(companion: NodeId, entries: number, pauses: boolean): void {
    const { cluster } = this;
    const leader = cluster.running.find(({ raft }) => raft.role === "leader");
    if (leader === undefined) return;
    cluster.network.heal();
    cluster.partition([leader.id, companion]);
    for (let count = 0; count < entries; count += 1) this.#propose(leader.id);
    if (pauses) cluster.paused.add(leader.id);
    cluster.run(4 * ELECTION_TIMEOUT_MS);
    this.perform({ kind: "proposeToLeader" });
  }

  #cut(one: NodeId, other: NodeId, bothWays: boolean): void {
    if (one === other) return;
    this.cluster.network.cut(one, other);
    if (bothWays) this.cluster.network.cut(other, one);
  }

  /** One message overtakes all others, or is lost. */
  #disturb(kind: "deliver" | "lose", at: number): void {
    const { inFlight } = this.cluster.network;
    const envelope = inFlight[at % Math.max(1, inFlight.length)];
    if (envelope === undefined) return;
    if (kind === "lose") this.cluster.network.remove(envelope);
    else this.cluster.deliver(envelope);
  }

  /** Mostly one of the newest; with `age` near 1 one of the oldest. It stays in limbo, to come back again. */
  #deliverFromLimbo(age: number): void {
    const back = Math.floor(age ** 3 * this.#limbo.length);
    const message = this.#limbo[this.#limbo.length - 1 - back];
    if (message === undefined || this.cluster.down.has(message.to)) return;
    this.cluster.receive(message);
  }

  /** Takes in several messages before their consequences are drawn. */
  #oneTurn(id: NodeId, most: number): void {
    const { network } = this.cluster;
    for (const envelope of network.select({ to: id }).slice(0, most)) {
      network.remove(envelope);
      const { message } = envelope;
      this.cluster.step(id, message.kind === "snapshot" ? this.cluster.save(message) : { kind: "receive", message });
    }
    this.cluster.turn(id);
  }

  /** Ends all faults. */
  healEverything(): void {
    const { cluster } = this;
    cluster.onSend = () => true;
    cluster.network.heal();
    cluster.paused.clear();
    this.#limbo = [];
    for (const id of [...cluster.down]) cluster.restart(id);
    for (const id of [...cluster.holdingWrites]) {
      cluster.holdingWrites.delete(id);
      cluster.persist(id);
    }
  }

  /** Runs until `isDone`, in steps of a heartbeat; returns how long it took, or null after `limitMs`. */
  runUntil(isDone: () => boolean, limitMs: number): number | null {
    for (let ms = 0; ms <= limitMs; ms += HEARTBEAT_INTERVAL_MS) {
      if (isDone()) return ms;
      this.cluster.run(HEARTBEAT_INTERVAL_MS);
    }
    return null;
  }
}
