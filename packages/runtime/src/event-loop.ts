/**
 * The event loop around the core.
 *
 * Facts go to the core as they come in, and ask for a turn. A turn ({@link EventLoop.#turn}) drains the core and does
 * what comes out. The core itself sees to it that nothing is said before it is true, so that a turn is a list of deeds
 * that could stand in any order.
 */

import { type Cancel, isStateCheckMessage, type PeerMessage, RaftError } from "@quorate/contracts";
import type { Input, NodeId } from "@quorate/core";
import { Alarm } from "./alarm.js";
import { fatalOf } from "./fatal.js";
import { NodeEvents } from "./node-events.js";
import type { RaftNodeOptions, Settings } from "./options.js";
import { assemble, type Parts } from "./parts.js";
import type { Recovered } from "./recovery.js";
import { refusalOf } from "./snapshot-receiver.js";
import { type NodeStatus, statusOf } from "./status.js";

/** Whoever is woken later than this was held up, and so was what has come in meanwhile. In milliseconds. */
const PUNCTUAL_MS = 5;

/** What a server whose disk hangs must not say: that it leads, or that it could (PITFALLS P8). */
const UNSAID_WHILE_STALLED: ReadonlySet<PeerMessage["kind"]> = new Set([
  "heartbeat",
  "appendEntries",
  "commit",
  "requestPreVote",
]);

export class EventLoop<Command, Result> {
  readonly parts: Parts<Command, Result>;
  readonly events: NodeEvents;
  readonly settings: Settings;

  readonly #options: RaftNodeOptions<Command, Result>;
  readonly #recovered: Recovered;
  readonly #alarm: Alarm;

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
    this.#options = options;
    this.settings = settings;
    this.#recovered = recovered;
    this.#deadline = options.clock.now();
    this.#alarm = new Alarm(options.clock, this.#schedule);
    this.parts = assemble(options, settings, recovered, {
      send: this.#send,
      schedule: this.#schedule,
      step: this.#stepLater,
      onWarning: this.#warn,
      onFailed: this.#fail,
    });
    this.events = new NodeEvents(this.parts.raft.currentTerm, this.#warn);
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Whether this server keeps no state; as far as it knows who it is. */
  get isWitness(): boolean {
    return this.parts.ownPart.isWitness;
  }

  /** Why the node has stopped, or null. */
  get fatal(): RaftError | null {
    return this.#fatal;
  }

  start(): void {
    const { stored, snapshot } = this.#recovered;
    this.#options.observer?.onStart(this.parts.raft, { ...stored, snapshot });
    this.parts.peers.update(this.parts.raft);
    this.#options.transport.register(this.#options.groupId ?? 0, this.#receive, this.#suspect);
    this.#schedule();
  }

  /** Ends it all, in order: whoever waits is told, peers included. */
  close(): void {
    if (this.#state !== "running") return;
    const errorFor = (isUnderWay: boolean): RaftError =>
      new RaftError(isUnderWay ? "CLOSED_UNDER_WAY" : "CLOSED", "The node was closed.");
    // Those who ask for peers, and those who have yet to hear what is committed, while messages still leave.
    this.parts.client.proposals.stop(errorFor);
    this.parts.sender.flush(Number.POSITIVE_INFINITY);
    this.#halt("closed", errorFor);
  }

  /** One turn: everything that has come in, and all that follows from it. */
  #turn(): void {
    this.#scheduled = null;
    const now = this.#options.clock.now();
    const { raft, cache, writes, sender, applier, ownPart, peers } = this.parts;
    const { client, reads, admin, operator, belonging, founding, snapshots, stateCheck } = this.parts;
    const { proposals } = client;
    proposals.expire(now);
    reads.expire(now);
    founding.onTurn(now);
    if (!founding.isHeld) this.#tick(now);
    this.#stepIfAny(proposals.route(now), now);
    for (const question of reads.ask(now)) this.#step(question, now);
    operator.noteIncarnations(now);
    for (const input of admin.route(now)) this.#step(input, now);
    if (raft.isQuiet && (proposals.count > 0 || admin.isWaiting))
      this.#step({ kind: "suspect", peer: raft.leaderId }, now);

    const effects = raft.drain();
    this.#options.observer?.onEffects(effects);
    if (effects.write !== null) {
      cache.onWrite(effects.write);
      writes.push(effects.write);
    }
    for (const message of effects.messages) sender.send(message, now);
    for (const outcome of effects.proposals) proposals.onOutcome(outcome);
    for (const outcome of effects.reads) reads.onOutcome(outcome, now);
    for (const outcome of effects.changes) admin.onChange(outcome);
    for (const outcome of effects.transfers) admin.onTransfer(outcome);
    proposals.onDrained();
    if (ownPart.isKnown) applier.applyTo(effects.applyTo);
    if (stateCheck !== null) this.#stateCheckAt = stateCheck.onTurn(now);
    sender.flush(now);
    cache.release(Math.min(applier.appliedIndex + 1, sender.unsentIndex));
    snapshots?.onTurn(now);
    peers.update(raft);
    admin.observe();
    this.events.tell();
    this.#deadline = effects.deadline;
    belonging.check();
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
    if (!this.#hasGivenGrace && now - this.#deadline > PUNCTUAL_MS) {
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
    this.parts.raft.step(input, now);
    this.events.note(this.parts.raft);
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

  /** A connection ended. While there is a quiet, the core wants to know, as it does when somebody waits for its leader. */
  readonly #suspect = (peer: NodeId): void => {
    if (this.#state === "running" && this.parts.raft.isQuiet) this.#stepLater({ kind: "suspect", peer });
  };

  readonly #receive = (message: PeerMessage, incarnation?: number): void => {
    if (this.#state !== "running") return;
    // The transport vouches for the sender: one of the cluster, if not of the configuration in force here (O1, M11).
    if (message.to !== this.#recovered.stored.identity.nodeId || !this.parts.belonging.admits(message, incarnation)) {
      this.#refusedMessages += 1;
      return;
    }
    try {
      this.#take(message);
    } catch (error) {
      this.#fail(error);
    }
  };

  #take(message: PeerMessage): void {
    const { client, stateCheck, admin, belonging, founding, snapshots, sender } = this.parts;
    if (message.kind === "adminRequest" && founding.onRequest(message)) return;
    if (message.kind === "adminResult" && founding.onAnswer(message)) return;
    if (message.kind === "unwanted") return belonging.onUnwanted(message);
    // As if it had not come: whoever sent it sends it again.
    if (founding.isHeld) return founding.onOther(message);
    if (message.kind === "propose") return client.proposals.onRequest(message);
    if (message.kind === "proposeResult") return client.proposals.onAnswer(message);
    if (isStateCheckMessage(message)) return stateCheck?.onMessage(message);
    if (message.kind === "adminRequest") return admin.onRequest(message);
    if (message.kind === "adminResult") return admin.onAnswer(message);
    if (message.kind === "snapshotChunk" || message.kind === "snapshotChunkResult") {
      if (snapshots !== null) snapshots.onMessage(message);
      else if (message.kind === "snapshotChunk") this.#send(refusalOf(message));
      return;
    }
    if (message.kind === "appendEntriesResult") sender.onResult(message);
    this.#step({ kind: "receive", message }, this.#options.clock.now());
    this.#schedule();
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
    const { client, reads, admin, belonging, founding, sender, snapshots } = this.parts;
    const wakeAt = Math.min(
      founding.isHeld ? founding.wakeAt : this.#deadline,
      this.#stateCheckAt,
      client.proposals.wakeAt,
      reads.wakeAt,
      admin.wakeAt,
      belonging.wakeAt,
      sender.wakeAt,
      snapshots?.wakeAt ?? Number.POSITIVE_INFINITY,
    );
    // A tick that was put off comes with the turn that is already asked for.
    if (!this.#hasGivenGrace) this.#alarm.set(wakeAt);
  }

  #isStalled(): boolean {
    const { startedAt } = this.parts.writes;
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
    const { writes, applier, client, admin, reads, snapshots } = this.parts;
    this.#state = state;
    this.#scheduled?.();
    this.#alarm.cancel();
    this.#options.transport.unregister(this.#options.groupId ?? 0);
    writes.stop();
    applier.stop();
    client.proposals.stop(errorFor);
    admin.stop(errorFor);
    reads.stop(() => errorFor(false));
    snapshots?.stop(errorFor(false));
    this.events.noteStopped(this.#fatal);
    this.events.tell();
  }

  status(): NodeStatus {
    const { identity } = this.#recovered.stored;
    const { storage, transport } = this.#options;
    const { raft, operator, applier, client, reads, executor, budget, cache, snapshots, founding } = this.parts;
    return statusOf({
      identity,
      raft: raft.status(),
      membership: operator.members(),
      isRunning: this.isRunning,
      fatal: this.#fatal,
      awaitedFounders: founding.awaited,
      appliedIndex: applier.appliedIndex,
      pendingProposals: client.proposals.count,
      pendingReads: reads.count,
      sessions: executor.sessions.size,
      timeMs: executor.sessions.timeMs,
      pendingBytes: budget.used,
      logCacheBytes: cache.sizeBytes,
      storage: { durability: storage.durability, isStalled: this.#isStalled() },
      snapshots: snapshots?.status() ?? null,
      transport: transport.status(),
      refusedMessages: this.#refusedMessages,
      warnings: this.#warnings,
    });
  }
}
