/**
 * Several cores on one simulated clock, without a runtime: what each asks to be sent goes to a network of which every
 * message can be seen, delivered, held, dropped or doubled; what it asks to be written goes to a disk that finishes at
 * once or when told to. The same calls give the same run. The invariants of Raft are checked after every turn.
 */

import type {
  ChangeOutcome,
  Effects,
  Input,
  MemberChange,
  NodeId,
  ProposalOutcome,
  ReadOutcome,
  Term,
  TransferOutcome,
} from "../../src/index.js";
import { type Asked, answer, label } from "./asked.js";
import type { DiskContent } from "./disk.js";
import { bytes, membership } from "./entries.js";
import { ensure, Invariants } from "./invariants.js";
import { type Envelope, Network } from "./network.js";
import { cut } from "./packets.js";
import { ELECTION_TIMEOUT_MS, Server, type SnapshotTransfer, type Travelling } from "./server.js";

/** After so long without an acknowledgement a snapshot counts as lost. */
const SNAPSHOT_PATIENCE_MS = 2 * ELECTION_TIMEOUT_MS;

/** Timers: more than any cluster has a reason for. Messages may have gathered in any number. */
const RINGS_PER_MS = 200;

export interface ClusterOptions {
  readonly size: number;
  readonly seed?: number;
  /** Whether the servers take part in quiets. Default false. */
  readonly allowsQuiet?: boolean;
  /** What is on the disks at the start; a server not named has the configuration alone, as entry (1, 1). */
  readonly disks?: ReadonlyMap<NodeId, DiskContent>;
}

/** A snapshot that a leader sends. */
interface Sending {
  readonly from: NodeId;
  readonly life: number;
  readonly to: NodeId;
  readonly term: Term;
  readonly stream: number;
  readonly givenUpAt: number;
}

export class Cluster {
  now = 0;
  readonly network = new Network();
  /** A member that a leader takes in is started, blank, when the first message to it is sent. */
  readonly servers: Map<NodeId, Server>;
  readonly invariants: Invariants;
  readonly proposals: Asked<ProposalOutcome>[] = [];
  readonly reads: Asked<ReadOutcome>[] = [];
  readonly changes: Asked<ChangeOutcome>[] = [];
  readonly transfers: Asked<TransferOutcome>[] = [];
  #sendings: Sending[] = [];
  /** Which servers are down, and whose writes stay unfinished until told otherwise. */
  readonly down = new Set<NodeId>();
  readonly holdingWrites = new Set<NodeId>();
  /** Processes that stand still: messages wait, timers do not ring. */
  readonly paused = new Set<NodeId>();
  /** The most entries that one append carries. A runtime splits by bytes. */
  maxEntriesPerAppend = Number.POSITIVE_INFINITY;
  /** Sees what every drain brought. */
  onEffects: (id: NodeId, effects: Effects) => void = () => undefined;
  /** Sees every message that is sent; one for which it returns false is lost. */
  onSend: (message: Travelling) => boolean = () => true;
  readonly #seed: number;
  readonly #allowsQuiet: boolean;

  constructor({ size, seed = 0, allowsQuiet = false, disks }: ClusterOptions) {
    this.#seed = seed;
    this.#allowsQuiet = allowsQuiet;
    const founding = { entries: [membership(1, 1, size)] };
    const ids = Array.from({ length: size }, (_, place) => place + 1);
    this.servers = new Map(
      ids.map((id) => [id, new Server({ id, seed: seed * 100 + id, allowsQuiet, ...(disks?.get(id) ?? founding) })]),
    );
    this.invariants = new Invariants([...this.servers.values()]);
  }

  #startBlank(id: NodeId): void {
    const server = new Server({ id, seed: this.#seed * 100 + id, allowsQuiet: this.#allowsQuiet }, this.now);
    this.servers.set(id, server);
    this.invariants.add(server);
  }

  server(id: NodeId): Server {
    const server = this.servers.get(id);
    if (server === undefined) throw new Error(`there is no server ${id}`);
    return server;
  }

  get running(): Server[] {
    return [...this.servers.values()].filter(({ id }) => !this.down.has(id));
  }

  /** Records a fact; its consequences come with the next turn of that server. */
  step(id: NodeId, input: Input): void {
    const server = this.server(id);
    server.now = this.now;
    server.step(input);
    this.invariants.afterStep(server);
  }

  /** Draws the consequences and carries them out. */
  turn(id: NodeId): void {
    const server = this.server(id);
    server.now = this.now;
    this.#carryOut(server, server.drain());
    if (!this.holdingWrites.has(id)) this.persist(id);
  }

  input(id: NodeId, ...inputs: readonly Input[]): void {
    for (const input of inputs) this.step(id, input);
    this.turn(id);
  }

  #carryOut(server: Server, effects: Effects): void {
    this.onEffects(server.id, effects);
    this.invariants.afterDrain(server, effects);
    for (const order of effects.messages) {
      if (order.kind === "pulledRange" && server.raft.termAt(order.lastLogIndex) !== order.lastLogTerm) continue;
      const message = server.fill(order);
      const parts = cut(message, this.maxEntriesPerAppend);
      for (const part of parts) {
        this.invariants.beforeSend(server, part);
        if (part.kind === "snapshot") this.#onSending(server, part);
        if (!this.servers.has(part.to)) this.#startBlank(part.to);
        if (this.onSend(part)) this.network.send(part, this.now);
      }
    }
    for (const outcome of effects.proposals) answer(this.proposals, server, outcome.proposalId, outcome);
    const isWaiting = this.proposals.some(
      (asked) => asked.server === server.id && asked.life === server.lives && asked.outcome === null,
    );
    ensure(!isWaiting, () => `n${server.id} has not answered a proposal`);
    for (const outcome of effects.changes) answer(this.changes, server, outcome.changeId, outcome);
    for (const outcome of effects.transfers) answer(this.transfers, server, outcome.transferId, outcome);
    for (const outcome of effects.reads) {
      answer(this.reads, server, outcome.readId, outcome);
      this.invariants.afterRead(server, outcome);
    }
  }

  #onSending({ id: from, lives: life }: Server, { to, term, stream }: SnapshotTransfer): void {
    this.#sendings = this.#sendings.filter((other) => other.from !== from || other.to !== to);
    this.#sendings.push({ from, life, to, term, stream, givenUpAt: this.now + SNAPSHOT_PATIENCE_MS });
  }

  /** The sender gives up. If the snapshot arrived and that is known, this changes nothing. */
  #giveUp(sending: Sending): void {
    this.#sendings = this.#sendings.filter((other) => other !== sending);
    const { from, life, to, term, stream } = sending;
    if (this.down.has(from) || this.server(from).lives !== life) return;
    this.input(from, { kind: "snapshotFailed", to, term, stream });
  }

  /** Finishes the oldest `count` writes of a server, or all, and those that follow from it. */
  persist(id: NodeId, count = Number.POSITIVE_INFINITY): void {
    const server = this.server(id);
    for (let seq = server.disk.complete(count); seq !== null; seq = server.disk.complete(count)) {
      this.invariants.afterPersist(server);
      this.step(id, { kind: "persisted", seq });
      this.#carryOut(server, server.drain());
      if (this.holdingWrites.has(id)) return;
    }
  }

  propose(id: NodeId, ...texts: readonly string[]): Asked<ProposalOutcome> {
    const proposal = this.#ask(this.proposals, id, label(texts));
    this.input(id, { kind: "propose", proposalId: proposal.id, commands: texts.map(bytes) });
    return proposal;
  }

  read(id: NodeId, label = ""): Asked<ReadOutcome> {
    const read = this.#ask(this.reads, id, label);
    this.invariants.beforeRead(this.server(id), read.id, this.running);
    this.step(id, { kind: "read", readId: read.id });
    this.turn(id);
    return read;
  }

  /** Without `basedOn`, on what is in force on that server. */
  changeMembers(
    id: NodeId,
    members: readonly MemberChange[],
    basedOn = this.server(id).raft.configurationIndex,
  ): Asked<ChangeOutcome> {
    const labels = members.map(({ name, role }) => (role === "voter" ? name : `${name}:${role}`));
    const change = this.#ask(this.changes, id, labels.join(" "));
    this.input(id, { kind: "changeMembers", changeId: change.id, basedOn, members });
    return change;
  }

  /** Asks a server to hand over its leadership; to 0 for whoever fits best. */
  transfer(id: NodeId, to: NodeId): Asked<TransferOutcome> {
    const transfer = this.#ask(this.transfers, id, to === 0 ? "to anyone" : `to ${to}`);
    this.input(id, { kind: "transferLeadership", transferId: transfer.id, to });
    return transfer;
  }

  /** A server takes a snapshot, and forgets what it covers but for the last `keep` entries. */
  compact(id: NodeId, keep = 0): void {
    const server = this.server(id);
    server.now = this.now;
    this.#carryOut(server, server.compact(keep));
    if (server.disk.snapshot !== null) this.invariants.onSnapshot(server, server.disk.snapshot);
    if (!this.holdingWrites.has(id)) this.persist(id);
  }

  /** Ids begin anew with each life of a server, as they would in a process. */
  #ask<Outcome>(list: Asked<Outcome>[], id: NodeId, label: string): Asked<Outcome> {
    const life = this.server(id).lives;
    const asked = {
      server: id,
      life,
      id: list.filter((other) => other.server === id && other.life === life).length + 1,
      label,
      outcome: null,
    };
    list.push(asked);
    return asked;
  }

  /** Hands over one message, unless the receiver is down. */
  deliver(envelope: Envelope): void {
    this.network.remove(envelope);
    this.receive(envelope.message);
  }

  /** Hands over a message, or a copy of one, unless the receiver is down. */
  receive(message: Travelling): void {
    if (this.down.has(message.to)) return;
    if (message.kind === "snapshot") this.input(message.to, this.save(message));
    else this.input(message.to, { kind: "receive", message });
  }

  /** A snapshot is whole and durable at its receiver; what is returned tells the core so. */
  save({ from, to, term, stream, snapshot }: SnapshotTransfer): Input {
    const server = this.server(to);
    this.invariants.onSnapshot(server, snapshot);
    server.disk.saveSnapshot(snapshot);
    return { kind: "snapshotInstalled", from, term, stream, snapshot };
  }

  /** Stops a server. Of its outstanding writes the oldest `completing` made it to the disk. */
  crash(id: NodeId, completing = 0): void {
    const server = this.server(id);
    server.disk.crash(completing);
    this.invariants.afterCrash(server);
    this.down.add(id);
  }

  /** Every other server hears that the connections with this one have ended. */
  tellLoss(peer: NodeId): void {
    for (const { id } of this.running) if (id !== peer) this.input(id, { kind: "suspect", peer });
  }

  restart(id: NodeId): void {
    if (!this.down.delete(id)) throw new Error(`server ${id} is not down`);
    const server = this.server(id);
    server.now = this.now;
    server.restart();
    this.invariants.afterRestart(server);
  }

  /** Cuts every link between `ids` and the others. */
  partition(ids: readonly NodeId[]): void {
    for (const { id } of this.servers.values()) {
      if (ids.includes(id)) continue;
      for (const other of ids) {
        this.network.cut(id, other);
        this.network.cut(other, id);
      }
    }
  }

  /** The server's patience ends now, and nobody else's does: it campaigns, unless it leads. */
  campaign(id: NodeId): void {
    const server = this.server(id);
    const { role } = server.raft;
    // The deadline of a follower may also be that of a question to its leader.
    for (let ticks = 0; ticks < 2 && server.raft.role === role && role !== "leader"; ticks += 1) {
      this.now = Math.max(this.now, server.effects.deadline);
      this.input(id, { kind: "tick" });
    }
  }

  /** Delivers what is on its way, and what follows from it, while no timer rings. */
  settle(): void {
    for (let next = this.network.next(this.paused); next !== undefined; next = this.network.next(this.paused)) {
      this.#arrive(next);
    }
  }

  /** Lets `ms` go by: messages arrive after their latency, timers ring when they are due. */
  run(ms: number): void {
    const end = this.now + ms;
    for (let rings = 0; ; ) {
      const arrival = this.network.next(this.paused);
      const ringing = this.#nextTimer();
      const sending = this.#sendings[0];
      const deadline = Math.min(
        ringing?.effects.deadline ?? Number.POSITIVE_INFINITY,
        sending?.givenUpAt ?? Number.POSITIVE_INFINITY,
      );
      if (Math.min(deadline, arrival?.dueAt ?? Number.POSITIVE_INFINITY) > end) break;
      if (arrival !== undefined && arrival.dueAt <= deadline) {
        this.#arrive(arrival);
      } else if (sending !== undefined && sending.givenUpAt <= deadline) {
        this.now = Math.max(this.now, deadline);
        this.#giveUp(sending);
      } else if (ringing !== undefined) {
        this.now = Math.max(this.now, deadline);
        this.input(ringing.id, { kind: "tick" });
        rings += 1;
        ensure(rings < RINGS_PER_MS * (ms + 1), () => "timers ring without end");
      }
    }
    this.now = end;
  }

  #arrive(envelope: Envelope): void {
    this.now = Math.max(this.now, envelope.dueAt);
    const { from, to } = envelope.message;
    if (this.network.isCut(from, to)) this.network.remove(envelope);
    else this.deliver(envelope);
  }

  #nextTimer(): Server | undefined {
    let first: Server | undefined;
    for (const server of this.running) {
      if (this.paused.has(server.id)) continue;
      if (server.effects.deadline < (first?.effects.deadline ?? Number.POSITIVE_INFINITY)) first = server;
    }
    return first;
  }
}
