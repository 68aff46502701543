/**
 * The event loop around the core.
 *
 * Facts go to the core as they come in, and ask for a turn. A turn ({@link EventLoop.#turn}) drains the core and does
 * what comes out. The core itself sees to it that nothing is said before it is true, so that a turn is a list of deeds
 * that could stand in any order.
 */

import { type Cancel, isStateCheckMessage, type PeerMessage, RaftError } from "@quorate/contracts";
import type { Index, Input, NodeId, Raft, Term } from "@quorate/core";
import { Admin } from "./admin.js";
import { Alarm } from "./alarm.js";
import { Applier } from "./applier.js";
import { Belonging } from "./belonging.js";
import { overridesOf, restoreRaft } from "./bootstrap.js";
import { Budget } from "./budget.js";
import { Client } from "./client.js";
import { digestSection, StateCheck } from "./digests/state-check.js";
import { fatalOf } from "./fatal.js";
import { LogCache } from "./log-cache.js";
import { LogReader } from "./log-reader.js";
import { isRemoved } from "./members.js";
import { NodeEvents } from "./node-events.js";
import { Operator } from "./operator.js";
import type { RaftNodeOptions, Settings } from "./options.js";
import { OwnPart } from "./own-part.js";
import { Peers } from "./peers.js";
import type { Proposals } from "./proposals.js";
import { Reads } from "./reads.js";
import type { Recovered } from "./recovery.js";
import { RequestIds } from "./request-ids.js";
import { Sender } from "./sender.js";
import type { Answer } from "./sessions/answer.js";
import { ClusterTime } from "./sessions/cluster-time.js";
import { Executor } from "./sessions/executor.js";
import { sessionsSection } from "./sessions/section.js";
import { Ticker } from "./sessions/ticker.js";
import { refusalOf } from "./snapshot-receiver.js";
import { restoreSections, type SnapshotSection } from "./snapshot-sections.js";
import { isWitness, Snapshots } from "./snapshots.js";
import { type NodeStatus, statusOf } from "./status.js";
import { WriteQueue } from "./write-queue.js";

/** What a server whose disk hangs must not say: that it leads, or that it could (PITFALLS P8). */
const UNSAID_WHILE_STALLED: ReadonlySet<PeerMessage["kind"]> = new Set([
  "heartbeat",
  "appendEntries",
  "commit",
  "requestPreVote",
]);

export class EventLoop<Command, Result> {
  readonly client: Client<Command, Result>;
  readonly reads: Reads;
  readonly admin: Admin;
  readonly belonging: Belonging;
  readonly operator: Operator;
  readonly events: NodeEvents;
  /** Null without a storage for them. */
  readonly snapshots: Snapshots | null;

  readonly #options: RaftNodeOptions<Command, Result>;
  readonly settings: Settings;
  readonly #recovered: Recovered;
  readonly #raft: Raft;
  readonly #budget: Budget;
  readonly #cache: LogCache;
  readonly #writes: WriteQueue;
  readonly #sender: Sender;
  readonly #proposals: Proposals<Result>;
  readonly #time: ClusterTime;
  readonly #executor: Executor<Command, Result>;
  readonly #applier: Applier<Command, Result>;
  readonly #alarm: Alarm;
  readonly #peers: Peers;
  readonly #ownPart: OwnPart;
  readonly #stateCheck: StateCheck | null;

  #state: "running" | "failed" | "closed" = "running";
  #fatal: RaftError | null = null;
  #scheduled: Cancel | null = null;
  /** When the core wants its next tick. */
  #deadline: number;
  /** When the check of the state machine wants a turn. */
  #stateCheckAt = Number.POSITIVE_INFINITY;
  #hasGivenGrace = false;
  #refusedMessages = 0;
  #warnings = 0;

  constructor(options: RaftNodeOptions<Command, Result>, settings: Settings, recovered: Recovered) {
    const { clock, storage, transport, seed, codec, stateMachine } = options;
    const { stored, snapshot } = recovered;
    const { nodeId, clusterId } = stored.identity;
    const now = clock.now();
    const raft = restoreRaft(settings, seed, { ...stored, snapshot }, now);
    const budget = new Budget(settings.maxPendingBytes);
    const cache = new LogCache(settings.logCacheBytes, stored.lastIndex);
    const reader = new LogReader(cache, storage, raft);
    const ids = new RequestIds(seed, now);
    const shared = { ...settings, nodeId, clusterId, seed, raft, reader, clock, codec, budget, ids, stateMachine };
    const ways = { send: this.#send, schedule: this.#schedule, onFailed: this.#fail };

    const ownPart = new OwnPart(raft, nodeId);

    this.#options = options;
    this.#ownPart = ownPart;
    this.settings = settings;
    this.#recovered = recovered;
    this.#raft = raft;
    this.#budget = budget;
    this.#cache = cache;
    this.#deadline = now;
    this.#peers = new Peers(transport, overridesOf(options));
    this.#alarm = new Alarm(clock, this.#schedule);
    this.events = new NodeEvents(raft.currentTerm, this.#warn);
    this.#writes = new WriteQueue({ storage, clock, onStored: this.#onStored, onFailed: this.#fail });
    this.#sender = new Sender({
      ...shared,
      ...ways,
      isWitness: (id) => isWitness(raft, id),
      onSnapshotOrder: (order) => this.snapshots?.onOrder(order),
    });
    const canReach = (peer: NodeId): boolean => this.#peers.canReach(peer) && !isRemoved(raft, peer);
    const onSessionEnd = (id: number): void => this.client.onSessionEnd(id);
    const executor = new Executor({ stateMachine, codec, onSessionEnd });
    const time = new ClusterTime(clock);
    const ticker = new Ticker(time, executor);
    this.#executor = executor;
    this.#time = time;
    this.client = new Client({ ...shared, ...ways, canReach, time, ticker });
    this.#proposals = this.client.proposals;
    this.admin = new Admin({ ...shared, ...ways, canReach });
    this.belonging = new Belonging({ ...shared, ...ways, incarnation: stored.identity.incarnation });
    const { admin, belonging } = this;
    this.operator = new Operator({ ...shared, admin, belonging, clusterId });
    this.reads = new Reads({ ...shared, ...ways, retryAfterMs: settings.heartbeatIntervalMs }, recovered.appliedIndex);
    const check = options.stateCheckIntervalMs === undefined ? null : this.#newStateCheck(options.stateCheckIntervalMs);
    this.#stateCheck = check;
    const onApplied = {
      onAnswer: (index: Index, term: Term, answer: Answer<Result>): void => {
        check?.onAnswer(index, answer);
        this.#proposals.onApplied(index, term, answer);
      },
      onPassed: (index: Index): void => check?.onPassed(index),
      onSkipped: (): void => check?.restore(null, 0),
      onApplied: (index: Index): void => this.#onApplied(index),
    };
    const ownState = { executor, isWitness: () => ownPart.isWitness };
    this.#applier = new Applier({ ...shared, ...ways, ...onApplied, ...ownState }, recovered);
    const sections: readonly SnapshotSection[] = [digestSection(check), sessionsSection(executor.sessions)];
    if (snapshot !== null) restoreSections(sections, recovered.sections, snapshot.index);
    this.snapshots =
      options.snapshots === undefined
        ? null
        : new Snapshots({
            ...shared,
            ...ways,
            sections,
            isWitness: () => ownPart.isWitness,
            snapshots: options.snapshots,
            log: storage,
            applier: this.#applier,
            unsentIndex: () => this.#sender.unsentIndex,
            step: this.#stepLater,
            onWarning: this.#warn,
          });
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Whether this server keeps no state; as far as it knows who it is. */
  get isWitness(): boolean {
    return this.#ownPart.isWitness;
  }

  /** Why the node has stopped, or null. */
  get fatal(): RaftError | null {
    return this.#fatal;
  }

  start(): void {
    const { stored, snapshot } = this.#recovered;
    this.#options.observer?.onStart(this.#raft, { ...stored, snapshot });
    this.#peers.update(this.#raft);
    this.#options.transport.register(this.#options.groupId ?? 0, this.#receive);
    this.#schedule();
  }

  /** Ends it all, in order: whoever waits is told, peers included. */
  close(): void {
    if (this.#state !== "running") return;
    const errorFor = (isUnderWay: boolean): RaftError =>
      new RaftError(isUnderWay ? "CLOSED_UNDER_WAY" : "CLOSED", "The node was closed.");
    // Those who ask for peers while messages still leave.
    this.#proposals.stop(errorFor);
    this.#halt("closed", errorFor);
  }

  /** One turn: everything that has come in, and all that follows from it. */
  #turn(): void {
    this.#scheduled = null;
    const now = this.#options.clock.now();
    this.#proposals.expire(now);
    this.reads.expire(now);
    this.#tick(now);
    this.#stepIfAny(this.#proposals.route(now), now);
    for (const question of this.reads.ask(now)) this.#step(question, now);
    this.operator.noteIncarnations(now);
    for (const input of this.admin.route(now)) this.#step(input, now);

    const effects = this.#raft.drain();
    this.#options.observer?.onEffects(effects);
    if (effects.write !== null) {
      this.#cache.onWrite(effects.write);
      this.#writes.push(effects.write);
    }
    for (const message of effects.messages) this.#sender.send(message);
    for (const outcome of effects.proposals) this.#proposals.onOutcome(outcome);
    for (const outcome of effects.reads) this.reads.onOutcome(outcome, now);
    for (const outcome of effects.changes) this.admin.onChange(outcome);
    for (const outcome of effects.transfers) this.admin.onTransfer(outcome);
    this.#proposals.onDrained();
    if (this.#ownPart.isKnown) this.#applier.applyTo(effects.applyTo);
    if (this.#stateCheck !== null) this.#stateCheckAt = this.#stateCheck.onTurn(now);
    this.#sender.flush();
    this.snapshots?.onTurn(now);
    this.#peers.update(this.#raft);
    this.admin.observe();
    this.events.tell();
    this.#deadline = effects.deadline;
    this.belonging.check();
    this.#setAlarm();
  }

  /**
   * Tells the core that its deadline has come. After a stall the messages that would have moved it may not have been
   * read yet: the event loop gets one round to bring them, and then it is one tick, however late (PITFALLS F2).
   */
  #tick(now: number): void {
    if (now < this.#deadline) {
      this.#hasGivenGrace = false;
      return;
    }
    if (!this.#hasGivenGrace && now - this.#deadline > this.settings.heartbeatIntervalMs) {
      this.#hasGivenGrace = true;
      this.#schedule();
      return;
    }
    this.#hasGivenGrace = false;
    this.#step({ kind: "tick" }, now);
  }

  #stepIfAny(input: Input | null, now: number): void {
    if (input !== null) this.#step(input, now);
  }

  #step(input: Input, now: number): void {
    this.#options.observer?.onStep(input, now);
    this.#raft.step(input, now);
    this.events.note(this.#raft);
  }

  /** A fact that comes from somewhere between two turns. */
  readonly #stepLater = (input: Input): void => {
    if (this.#state !== "running") return;
    try {
      this.#step(input, this.#options.clock.now());
      this.#schedule();
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #receive = (message: PeerMessage, incarnation?: number): void => {
    if (this.#state !== "running") return;
    // The transport vouches for the sender: one of the cluster, if not of the configuration in force here (O1, M11).
    if (message.to !== this.#recovered.stored.identity.nodeId || !this.belonging.admits(message, incarnation)) {
      this.#refusedMessages += 1;
      return;
    }
    try {
      this.#take(message);
    } catch (error) {
      this.#fail(error);
    }
  };

  #newStateCheck(intervalMs: number): StateCheck {
    const { nodeId } = this.#recovered.stored.identity;
    const ways = { send: this.#send, onDiverged: this.#fail, onUndecided: this.#warn };
    return new StateCheck({ nodeId, raft: this.#raft, intervalMs, ...ways });
  }

  #take(message: PeerMessage): void {
    if (message.kind === "propose") {
      this.#proposals.onRequest(message);
      return;
    }
    if (message.kind === "proposeResult") {
      this.#proposals.onAnswer(message);
      return;
    }
    if (isStateCheckMessage(message)) {
      this.#stateCheck?.onMessage(message);
      return;
    }
    if (message.kind === "adminRequest") return this.admin.onRequest(message);
    if (message.kind === "adminResult") return this.admin.onAnswer(message);
    if (message.kind === "unwanted") return this.belonging.onUnwanted(message);
    if (message.kind === "snapshotChunk" || message.kind === "snapshotChunkResult") {
      if (this.snapshots !== null) this.snapshots.onMessage(message);
      else if (message.kind === "snapshotChunk") this.#send(refusalOf(message));
      return;
    }
    if (message.kind === "appendEntriesResult") this.#sender.onResult(message);
    this.#step({ kind: "receive", message }, this.#options.clock.now());
    this.#schedule();
  }

  readonly #onStored = (seq: number): void => {
    this.#cache.onStored(seq);
    this.#stepLater({ kind: "persisted", seq });
  };

  #onApplied(index: Index): void {
    this.#time.observe(this.#executor.sessions.timeMs, this.#raft.role === "leader");
    this.reads.onApplied(index);
    this.snapshots?.onApplied();
  }

  readonly #send = (message: PeerMessage): void => {
    if (this.#state !== "running" || (UNSAID_WHILE_STALLED.has(message.kind) && this.#isStalled())) return;
    try {
      this.#options.transport.send(this.#options.groupId ?? 0, message);
    } catch (error) {
      // It promised not to. What it did not send is lost, like any other message (PITFALLS F19).
      this.#warn(error);
    }
  };

  /** Asks for a turn, after the input that is at hand. */
  readonly #schedule = (): void => {
    if (this.#scheduled !== null || this.#state !== "running") return;
    this.#scheduled = this.#options.clock.soon(() => {
      try {
        this.#turn();
      } catch (error) {
        this.#fail(error);
      }
    });
  };

  #setAlarm(): void {
    if (this.#state !== "running") return;
    const requests = Math.min(
      this.#proposals.wakeAt,
      this.reads.wakeAt,
      this.admin.wakeAt,
      this.belonging.wakeAt,
      this.snapshots?.wakeAt ?? Number.POSITIVE_INFINITY,
    );
    const wakeAt = Math.min(this.#deadline, this.#stateCheckAt, requests);
    // A tick that was put off comes with the turn that is already asked for.
    if (!this.#hasGivenGrace) this.#alarm.set(wakeAt);
  }

  #isStalled(): boolean {
    const { startedAt } = this.#writes;
    return startedAt !== null && this.#options.clock.now() - startedAt > this.settings.storageStallMs;
  }

  readonly #warn = (error: unknown): void => {
    this.#warnings += 1;
    try {
      this.#options.onWarning?.(error);
    } catch {
      // There is nobody left to tell; it is counted.
    }
  };

  /** Stops for good: this node must not say or write anything more (PITFALLS P5, C13, E24, F16). */
  readonly #fail = (cause: unknown): void => {
    if (this.#state !== "running") return;
    const fatal = fatalOf(cause);
    this.#fatal = fatal;
    const errorFor = (isUnderWay: boolean): RaftError =>
      new RaftError(isUnderWay ? "STOPPED_UNDER_WAY" : "STOPPED", `It failed with ${fatal.code}.`, { cause: fatal });
    this.#halt("failed", errorFor);
  };

  #halt(state: "failed" | "closed", errorFor: (isUnderWay: boolean) => RaftError): void {
    this.#state = state;
    this.#scheduled?.();
    this.#alarm.cancel();
    this.#options.transport.unregister(this.#options.groupId ?? 0);
    this.#writes.stop();
    this.#applier.stop();
    this.#proposals.stop(errorFor);
    this.admin.stop(errorFor);
    this.reads.stop(() => errorFor(false));
    this.snapshots?.stop(errorFor(false));
    this.events.noteStopped(this.#fatal);
    this.events.tell();
  }

  status(): NodeStatus {
    const { identity } = this.#recovered.stored;
    const { storage, transport } = this.#options;
    return statusOf({
      identity,
      raft: this.#raft.status(),
      membership: this.operator.members(),
      isRunning: this.isRunning,
      fatal: this.#fatal,
      appliedIndex: this.#applier.appliedIndex,
      pendingProposals: this.#proposals.count,
      pendingReads: this.reads.count,
      sessions: this.#executor.sessions.size,
      timeMs: this.#executor.sessions.timeMs,
      pendingBytes: this.#budget.used,
      logCacheBytes: this.#cache.sizeBytes,
      storage: { durability: storage.durability, isStalled: this.#isStalled() },
      snapshots: this.snapshots?.status() ?? null,
      transport: transport.status(),
      refusedMessages: this.#refusedMessages,
      warnings: this.#warnings,
    });
  }
}
