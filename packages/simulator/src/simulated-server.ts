/**
 * One server of a simulation: a production `RaftNode` on a disk that outlives it, which can crash at any moment, lose
 * what was not yet written, and start again.
 */

import { decodeMessage, encodeMessage } from "@quorate/codec";
import { type GroupId, type MessageReceiver, type PeerMessage, RaftError } from "@quorate/contracts";
import type { NodeId, Random } from "@quorate/core";
import { RaftNode } from "@quorate/runtime";
import { MemoryDisk, MemoryLogStorage } from "@quorate/storage-memory";
import { type MemoryNetwork, MemoryTransport } from "@quorate/transport-memory";
import { Journal, journalCodec } from "./journal.js";
import type { Oracle } from "./oracle.js";
import type { Parameters } from "./parameters.js";
import { ProcessClock, type SimulatedTime } from "./simulated-time.js";

/** What all servers of a simulation share. */
export interface World {
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly parameters: Parameters;
  readonly network: MemoryNetwork;
  readonly oracle: Oracle;
  readonly names: readonly string[];
}

/** One life of the server, from start to crash. */
interface Life {
  readonly clock: ProcessClock;
  readonly journal: Journal;
  readonly transport: MemoryTransport;
  readonly crashed: Promise<void>;
  readonly onCrash: () => void;
  /** Null while it opens. */
  node: RaftNode<string, number> | null;
}

/** Carries every message as the bytes that would travel. */
class WireTransport extends MemoryTransport {
  override register(groupId: GroupId, receive: MessageReceiver): void {
    super.register(groupId, (message) => receive(overTheWire(groupId, message)));
  }
}

export class SimulatedServer {
  readonly name: string;
  readonly id: NodeId;
  readonly #world: World;
  readonly #disk: MemoryDisk;
  #life: Life | null = null;

  constructor(id: NodeId, world: World) {
    this.id = id;
    this.name = world.names[id - 1] as string;
    this.#world = world;
    this.#disk = new MemoryDisk({ schedule: (_operation, complete) => this.#delayed(complete) });
  }

  get isRunning(): boolean {
    return this.#life !== null;
  }

  get appliedLength(): number {
    return this.#life?.journal.length ?? 0;
  }

  /** Starts if it is not running. */
  start(): void {
    if (this.#life !== null) return;
    const { time, network, oracle, names, random } = this.#world;
    const clock = new ProcessClock(time);
    const journal = new Journal((committed, place) => oracle.onApplied(this.name, committed, place));
    const transport = new WireTransport({ network, listen: this.name });
    let onCrash = (): void => undefined;
    const crashed = new Promise<void>((resolve) => {
      onCrash = resolve;
    });
    const life: Life = { clock, journal, transport, crashed, onCrash, node: null };
    this.#life = life;
    const opened = RaftNode.open<string, number>({
      id: this.name,
      bootstrap: { clusterId: "simulated", members: names.map((name) => ({ name, address: name })) },
      storage: new MemoryLogStorage(this.#disk),
      transport,
      stateMachine: journal,
      codec: journalCodec,
      clock,
      seed: random.nextUint32(),
    });
    opened.then(
      (node) => this.#onOpened(life, node),
      (error: unknown) => oracle.onFailure(`Start: ${this.name} does not open: ${String(error)}`),
    );
  }

  #onOpened(life: Life, node: RaftNode<string, number>): void {
    if (this.#life !== life) return;
    life.node = node;
    const { oracle } = this.#world;
    node.subscribe("role", ({ role, term }) => {
      if (this.#life === life && role === "leader") oracle.onLeader(this.name, term);
    });
    node.subscribe("fatal", (fatal) => {
      if (this.#life === life && fatal !== null) oracle.onFailure(`Stopped: ${this.name}: ${fatal.error.message}`);
    });
  }

  /** The process dies: nothing of it runs again, and a write under way has reached the disk, or has not. */
  crash(): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    life.clock.crash();
    this.#disk.crash({ keepsWriteUnderWay: this.#world.random.between(0, 1) < 0.5 });
    // The network sees the address go; the dead process hears of nothing.
    void life.transport.close();
    life.onCrash();
  }

  pauseFor(durationMs: number): void {
    this.#life?.clock.pauseUntil(this.#world.time.now + durationMs);
  }

  /** Hands over a message that has arrived: when the process is not paused, and alive. */
  receive(handOver: () => void): void {
    this.#life?.clock.run(handOver);
  }

  /** Settles when the life of now ends; at once if there is none. */
  async whenCrashed(): Promise<void> {
    await this.#life?.crashed;
  }

  async propose(line: string, timeoutMs: number): Promise<number> {
    return this.#node().propose(line, { timeoutMs });
  }

  async readLength(timeoutMs: number): Promise<number> {
    const { node, journal } = this.#running();
    return node.read(() => journal.length, { timeoutMs });
  }

  async close(): Promise<void> {
    await this.#life?.node?.close();
  }

  #node(): RaftNode<string, number> {
    return this.#running().node;
  }

  #running(): { readonly node: RaftNode<string, number>; readonly journal: Journal } {
    const life = this.#life;
    if (life === null || life.node === null) throw new RaftError("CLOSED", `${this.name} is not running.`);
    return { node: life.node, journal: life.journal };
  }

  /** A disk takes its time; while the process is paused, what the disk has done is seen only afterwards. */
  #delayed(complete: () => void): void {
    const { time, random, parameters } = this.#world;
    time.schedule(time.now + random.between(0, parameters.maxWriteMs), complete);
  }
}

function overTheWire(groupId: GroupId, message: PeerMessage): PeerMessage {
  const { chunks, sizeBytes } = encodeMessage(groupId, message);
  const frame = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    frame.set(chunk, offset);
    offset += chunk.length;
  }
  return decodeMessage(frame).message;
}
