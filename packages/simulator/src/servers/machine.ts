/**
 * One machine: a disk and a clock that outlive its processes, and a supervisor that starts the next process when one
 * has stopped. The process is a production `RaftNode` with the production storage and codec.
 */

import { isCoreMessage, type PeerMessage, RaftError } from "@quorate/contracts";
import {
  type Effects,
  type Index,
  type Input,
  NOBODY,
  type NodeId,
  type Raft,
  type RestoredState,
} from "@quorate/core";
import {
  type CloseOptions,
  type JoinGrant,
  type JoinRequest,
  type NodeStatus,
  RaftNode,
  type ReadOptions,
  type SessionProposeOptions,
} from "@quorate/runtime";
import type { MemoryNetwork } from "@quorate/transport-memory";
import { openLogStorage } from "../disk/index.js";
import type { Ledger, SnapshotOrigin } from "../ledger/index.js";
import type { Dice } from "./dice.js";
import { DiskTiming } from "./disk-timing.js";
import { type DurableMark, DurableState } from "./durable-state.js";
import { MachineDisk } from "./machine-disk.js";
import { ProcessClock } from "./process-clock.js";
import { Program } from "./program.js";
import {
  type Command,
  NEW_FORMAT_LEVEL,
  type OnApplied,
  type OnTime,
  type Registers,
  type RegistersState,
  registersCodec,
} from "./register-file.js";
import { maxClockDriftOf, type ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";
import { makeRegisters, snapshotOptions } from "./snapshot-options.js";
import { WatchedStorage } from "./watched-storage.js";
import { WireTransport } from "./wire-transport.js";

/** What all machines of a world share, and whom they tell. */
export interface Surroundings {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  readonly network: MemoryNetwork;
  readonly ledger: Ledger;
  onStep(input: Input): void;
  onEffects(machine: Machine, effects: Effects): void;
  onSent(message: PeerMessage): void;
  onApplied(machine: Machine, ...applied: Parameters<OnApplied>): void;
  onTime(machine: Machine, ...time: Parameters<OnTime>): void;
  /** Registers have become what they were somewhere else, or in an earlier life. */
  onRestored(machine: Machine, state: RegistersState): void;
  /** A snapshot is about to be durable. */
  onSnapshotCommitting(machine: Machine, index: Index, origin: SnapshotOrigin, registers: Registers): void;
  /** A snapshot is durable: one that was taken here, or came from a leader. */
  onSnapshotStored(machine: Machine, origin: SnapshotOrigin): void;
  /** Something went wrong that the node lives with. */
  onWarning(machine: Machine, warning: unknown): void;
  onStarting(machine: Machine): void;
  /** Its core begins with this. */
  onStarted(machine: Machine, restored: RestoredState): void;
  /** The newest version of the protocol that this server speaks, as far as anybody has met it. */
  protocolVersionOf(nodeId: NodeId): number;
  /** A process has read, or was given, the number of its server. */
  onIdentity(machine: Machine, nodeId: NodeId): void;
  /** A process with a blank disk wants to join the cluster. */
  join(machine: Machine, request: JoinRequest): Promise<JoinGrant>;
  onDiskRead(): void;
  /** A query takes long. */
  onStalledRead(): void;
  /** A query runs again, for its lease was over when it was done. */
  onReadAgain(): void;
  /** The disk has answered. */
  onDiskDone(): void;
  /** A state machine has answered late. */
  onAnswered(): void;
  /** The process ends by itself: it could not open, or stopped for good. */
  onStopped(machine: Machine, error: RaftError, when: "opening" | "running"): void;
}

const ALL_COMMANDS = registersCodec(NEW_FORMAT_LEVEL);

/** One life of a process. */
interface Life {
  readonly clock: ProcessClock;
  readonly registers: Registers;
  readonly transport: WireTransport;
  readonly ended: Promise<void>;
  readonly onEnd: () => void;
  raft: Raft | null;
  /** Null while it opens. */
  node: RaftNode<Command, number> | null;
}

export class Machine {
  /** Which machine of the world it is. The server on it may get another number when its disk is blank again. */
  readonly id: number;
  /** By which name the operator knows its server. */
  readonly memberName: string;
  readonly disk: MachineDisk;
  /** Where its next process listens. */
  address: string;
  /** Whether processes run on it at all. */
  isInService: boolean;
  /** How its process begins on a blank disk. */
  entrance: "founds" | "joins";
  /** Whether the process is told to found the cluster on a blank disk. An operator does that once. */
  mayBootstrap = true;
  /** Until when its state machine is slow. */
  slowApplyUntil = 0;
  readonly diskTiming: DiskTiming;
  /** How often the disk was told to fail and has not yet: each time, a process may stop. */
  failuresToCome = 0;
  readonly program: Program;
  readonly #durable: DurableState;
  readonly #surroundings: Surroundings;
  readonly #founders: readonly { readonly name: string; readonly address: string }[];
  #nodeId: NodeId = NOBODY;
  readonly #rate: number;
  #life: Life | null = null;
  #lives = 0;
  #applications = 0;
  #queries = 0;

  /** Whoever is not among the founders waits to be put into service. */
  constructor(id: number, founders: readonly string[], surroundings: Surroundings) {
    const { dice, parameters } = surroundings;
    this.id = id;
    this.memberName = founders[id - 1] ?? `s${id}`;
    this.address = this.memberName;
    this.isInService = id <= founders.length;
    this.entrance = this.isInService ? "founds" : "joins";
    // Founders get their numbers in the order of their names.
    if (this.isInService) this.#nodeId = id;
    this.#surroundings = surroundings;
    this.#founders = founders.map((name) => ({ name, address: name }));
    this.#rate = 1 + parameters.driftRate * (2 * dice.roll("drift", id) - 1);
    const onDone = (): void => surroundings.onDiskDone();
    this.diskTiming = new DiskTiming({ time: surroundings.time, dice, parameters, id, onDone });
    this.disk = new MachineDisk((operation, part, done) => this.diskTiming.onOperation(operation, part, done));
    this.program = new Program(dice, id, parameters.oldVersionRate);
    this.#durable = new DurableState(surroundings.ledger);
  }

  /** What the story calls it: by the number of its server, as the ledger does, once it has one. */
  get name(): string {
    return this.#nodeId === NOBODY ? this.memberName : `n${this.#nodeId}`;
  }

  /** The number of the server on its disk, or of the last one that was there. */
  get nodeId(): NodeId {
    return this.#nodeId;
  }

  /** The node that runs on it; null while none does, or it opens. */
  get node(): RaftNode<Command, number> | null {
    return this.#life?.node ?? null;
  }

  get isRunning(): boolean {
    return this.#life !== null;
  }

  get raft(): Raft | null {
    return this.#life?.raft ?? null;
  }

  get appliedLength(): number {
    return this.#life?.registers.length ?? 0;
  }

  /** What a loss of power at this moment is certain to leave. */
  get durable(): DurableMark {
    return this.#durable.mark;
  }

  get lives(): number {
    return this.#lives;
  }

  get clock(): ProcessClock | null {
    return this.#life?.clock ?? null;
  }

  /** Starts a process if none is running, and one should. */
  start(): void {
    if (this.#life !== null || !this.isInService) return;
    this.#lives += 1;
    const { time, network, dice, parameters } = this.#surroundings;
    this.program.onStart(this.#lives);
    const { applicationLevel, protocolVersion } = this.program.version;
    this.#surroundings.onStarting(this);
    const clock = new ProcessClock(time, this.#rate);
    let onEnd = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      onEnd = resolve;
    });
    const registers = makeRegisters(this.id, dice, parameters, this.disk.registers, {
      onApplied: (committed, place) => this.#onApplied(life, committed, place),
      onTime: (committed, expired) => {
        if (this.#life === life) this.#surroundings.onTime(this, committed, expired);
      },
      onRestored: (state) => {
        if (this.#life === life) this.#surroundings.onRestored(this, state);
      },
      answerLater: (place) => this.#answerLater(life, place),
    });
    const transport = new WireTransport(network, this.address, {
      onOpen: ({ nodeId }) => this.#onIdentity(life, nodeId),
      onSend: (message) => this.#onSend(life, message),
      versionFor: (to) => Math.min(protocolVersion, this.#surroundings.protocolVersionOf(to)),
    });
    const life: Life = { clock, registers, transport, ended, onEnd, raft: null, node: null };
    this.#life = life;
    const { heartbeatIntervalMs, electionTimeoutMs, maxAppendBytes, logCacheBytes, sessionTimeoutMs } = parameters;
    const bootstrap = { clusterId: "simulated", members: this.#founders };
    const join = (request: JoinRequest): Promise<JoinGrant> => this.#surroundings.join(this, request);
    const opened = RaftNode.open<Command, number>({
      id: this.memberName,
      bootstrap: this.mayBootstrap && this.entrance === "founds" ? bootstrap : undefined,
      join: this.entrance === "joins" ? join : undefined,
      storage: new WatchedStorage(openLogStorage(this.disk.log), {
        onStored: (writes) => {
          if (this.#life === life) this.#durable.onStored(writes);
        },
        onRead: () => this.#surroundings.onDiskRead(),
      }),
      transport,
      stateMachine: registers,
      codec: registersCodec(applicationLevel),
      applicationLevel,
      clock,
      seed: dice.seedFor("life", this.id, this.#lives),
      heartbeatIntervalMs,
      electionTimeoutMs,
      maxClockDrift: maxClockDriftOf(parameters),
      allowsQuiet: parameters.allowsQuiet,
      maxAppendBytes,
      maxInflightBytes: Math.max(maxAppendBytes, 4096),
      logCacheBytes,
      sessionTimeoutMs,
      ...snapshotOptions(parameters, this.disk.snapshots, {
        onCommitting: (point, origin) => {
          if (this.#life !== life) return;
          this.#durable.onSnapshotCommitting(point, origin);
          this.#surroundings.onSnapshotCommitting(this, point.index, origin, registers);
        },
        onStored: (point, origin) => {
          if (this.#life !== life) return;
          this.#durable.onSnapshotStored(point, origin);
          this.#surroundings.onSnapshotStored(this, origin);
        },
      }),
      onWarning: (warning) => {
        if (this.#life === life) this.#surroundings.onWarning(this, warning);
      },
      observer: {
        onStart: (raft, restored) => this.#onStart(life, raft, restored),
        onStep: (input) => this.#onStep(life, input),
        onEffects: (effects) => this.#onEffects(life, effects),
      },
    });
    opened.then(
      (node) => this.#onOpened(life, node),
      (error: unknown) => this.#onStopped(life, error, "opening"),
    );
  }

  #onIdentity(life: Life, nodeId: NodeId): void {
    if (this.#life !== life) return;
    this.#nodeId = nodeId;
    this.#surroundings.onIdentity(this, nodeId);
  }

  #onOpened(life: Life, node: RaftNode<Command, number>): void {
    if (this.#life !== life) return;
    life.node = node;
    this.mayBootstrap = false;
    node.subscribe("fatal", (fatal) => {
      if (fatal !== null) this.#onStopped(life, fatal.error, "running");
    });
  }

  #onStart(life: Life, raft: Raft, restored: RestoredState): void {
    if (this.#life !== life) return;
    life.raft = raft;
    this.#durable.onStart(this.#nodeId, restored);
    this.#surroundings.onStarted(this, restored);
  }

  #onStep(life: Life, input: Input): void {
    if (this.#life !== life) return;
    this.#surroundings.ledger.onStep(this.#nodeId, input);
    this.#surroundings.onStep(input);
  }

  #onEffects(life: Life, effects: Effects): void {
    if (this.#life !== life || life.raft === null) return;
    this.#surroundings.ledger.onEffects(this.#nodeId, effects, life.raft);
    this.#surroundings.onEffects(this, effects);
  }

  #onSend(life: Life, message: PeerMessage): void {
    if (this.#life !== life) return;
    if (isCoreMessage(message)) this.#surroundings.ledger.onWire(this.#nodeId, message);
    this.#surroundings.onSent(message);
  }

  #onApplied(life: Life, ...[committed, place]: Parameters<OnApplied>): void {
    if (this.#life !== life) return;
    const { index, term, command } = committed;
    this.#surroundings.ledger.onApplied(this.#nodeId, index, term, ALL_COMMANDS.encodeCommand(command));
    this.#surroundings.onApplied(this, committed, place);
    if (this.#surroundings.time.now >= this.slowApplyUntil) return;
    this.#applications += 1;
    life.clock.spend(20 * this.#surroundings.dice.roll("apply", this.id, this.#applications));
  }

  /** A state machine may take its time for an answer, while the event loop goes on. */
  #answerLater(life: Life, place: number): Promise<number> | null {
    const { time, dice, parameters, onAnswered } = this.#surroundings;
    if (dice.roll("answer", this.id, this.#lives, place) >= parameters.lateAnswerRate) return null;
    const delayMs = 20 * dice.roll("answer", this.id, this.#lives, -place);
    return new Promise((resolve) => {
      time.schedule(time.now + delayMs, () =>
        life.clock.run(() => {
          onAnswered();
          resolve(place);
        }),
      );
    });
  }

  #onStopped(life: Life, error: unknown, when: "opening" | "running"): void {
    if (this.#life !== life) return;
    const known =
      error instanceof RaftError ? error : new RaftError("INVARIANT_BROKEN", String(error), { cause: error });
    this.#surroundings.onStopped(this, known, when);
  }

  // --- the end of a process ---

  /**
   * The process dies: nothing of it runs again. Of what was under way to the disk, and not synced, `survives` says what
   * has reached it: any part, whatever the order, for the disk writes as it likes. What is found are the first ones.
   */
  crash(survives: () => boolean): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    this.diskTiming.forgetCrash();
    life.clock.crash();
    this.disk.crash(survives);
    // The network sees the address go; the dead process hears of nothing.
    void life.transport.close();
    if (life.raft !== null) this.#surroundings.ledger.onCrash(this.#nodeId);
    life.onEnd();
  }

  /** Settles when the life of now ends; at once if there is none. */
  async whenEnded(): Promise<void> {
    await this.#life?.ended;
  }

  /** Null unless a process runs. */
  status(): NodeStatus | null {
    return this.#life?.node?.status() ?? null;
  }

  /** Ends the process in good order, unless it dies meanwhile. */
  async close(options: CloseOptions = {}): Promise<void> {
    const life = this.#life;
    if (life !== null && life.node !== null) await Promise.race([life.node.close(options), life.ended]);
  }

  // --- what it is asked ---

  async propose(command: Command, timeoutMs: number): Promise<number> {
    return this.#running().node.propose(command, { timeoutMs });
  }

  /** Settles with the snapshot, whatever becomes of it, unless the process dies. */
  async takeSnapshot(): Promise<void> {
    try {
      await this.#running().node.snapshot();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** Whether commands of the new format may be proposed, as far as this server knows. */
  get takesNewFormat(): boolean {
    const level = this.node?.members().featureLevels.application ?? 1;
    return level >= NEW_FORMAT_LEVEL;
  }

  /** Settles when the feature levels are raised, or are not, unless the process dies. */
  async raiseFeatureLevels(timeoutMs: number): Promise<boolean> {
    try {
      const { application } = await this.#running().node.raiseFeatureLevels({ timeoutMs });
      return application >= NEW_FORMAT_LEVEL;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      return false;
    }
  }

  /** Opens a session; its id. */
  async openSession(timeoutMs: number): Promise<number> {
    return (await this.#running().node.openSession({ timeoutMs })).id;
  }

  async proposeIn(session: number, command: Command, options: SessionProposeOptions): Promise<number> {
    return this.#running().node.session(session).propose(command, options);
  }

  async read(key: string, options: ReadOptions): Promise<{ readonly length: number; readonly value: string }> {
    const { node, registers, clock } = this.#running();
    let runs = 0;
    const query = (): { readonly length: number; readonly value: string } => {
      const found = { length: registers.length, value: registers.valueOf(key) };
      runs += 1;
      if (runs > 1) this.#surroundings.onReadAgain();
      else this.#stall(clock);
      return found;
    };
    return node.read(query, options);
  }

  /** Sometimes a query takes so long that the lease it rests on is over. */
  #stall(clock: ProcessClock): void {
    const { dice, parameters, onStalledRead } = this.#surroundings;
    this.#queries += 1;
    if (dice.roll("query", this.id, this.#queries) >= parameters.stalledReadRate) return;
    onStalledRead();
    clock.spend(2 * parameters.electionTimeoutMs * dice.roll("query", this.id, -this.#queries));
  }

  #running(): Pick<Life, "registers" | "clock"> & { readonly node: RaftNode<Command, number> } {
    const life = this.#life;
    if (life === null || life.node === null) throw new RaftError("CLOSED", `${this.name} is not running.`);
    return { node: life.node, registers: life.registers, clock: life.clock };
  }

  /** Is told that another has gone, which need not be true. */
  alarm(peer: NodeId): void {
    this.#life?.clock.run(() => this.#life?.transport.lose(peer));
  }

  /** Hands over a message that has arrived: when the process is not paused, and alive. */
  receive(handOver: () => void): void {
    this.#life?.clock.run(handOver);
  }
}
