/** Servers on disks that outlive them, in a world of their own; each can be killed between any two steps of its disk. */

import {
  type CommandCodec,
  type CommittedCommand,
  MemoryDisk,
  MemoryLogStorage,
  MemoryNetwork,
  MemorySnapshotStorage,
  MemoryTransport,
  type NodeStatus,
  RaftNode,
  type RaftNodeOptions,
  type StateMachine,
} from "quorate";
import { ProcessClock, World } from "./world.js";

/** Keeps every line. */
export class Journal implements StateMachine<string, number> {
  lines: string[] = [];
  restores = 0;
  /** How many lines go into one piece. */
  linesPerPiece = 3;

  apply({ command }: CommittedCommand<string>): number | Promise<number> {
    this.lines.push(command);
    return this.lines.length;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return piecesOf([...this.lines], this.linesPerPiece);
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.lines = await linesOf(pieces);
    this.restores += 1;
  }
}

async function* piecesOf(lines: readonly string[], linesPerPiece: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < lines.length; at += linesPerPiece) {
    yield Buffer.from(
      lines
        .slice(at, at + linesPerPiece)
        .map((line) => `${line}\n`)
        .join(""),
    );
  }
}

async function linesOf(pieces: AsyncIterable<Uint8Array>): Promise<string[]> {
  let text = "";
  for await (const piece of pieces) text += Buffer.from(piece).toString();
  return text.split("\n").slice(0, -1);
}

const textCodec: CommandCodec<string, number> = {
  encodeCommand: (text) => new TextEncoder().encode(text),
  decodeCommand: (data) => new TextDecoder().decode(data),
  encodeResult: (result) => new TextEncoder().encode(String(result)),
  decodeResult: (data) => Number(new TextDecoder().decode(data)),
};

type Options = RaftNodeOptions<string, number>;

/** One process on one machine. */
export interface Server {
  readonly node: RaftNode<string, number>;
  readonly journal: Journal;
  readonly clock: ProcessClock;
  readonly transport: MemoryTransport;
}

/** A disk that dies, with its process, before a certain step. */
export interface Machine {
  readonly disk: MemoryDisk;
  /** How many steps the disk has been asked for. */
  steps: number;
  /** Before this step the process dies. */
  diesAt: number;
  keepsWriteUnderWay: boolean;
  /** From now on no step completes. */
  isHanging: boolean;
  server: Server | null;
  lives: number;
}

export class Cluster {
  readonly world = new World();
  readonly machines: Machine[] = [];
  readonly warnings: unknown[] = [];
  readonly #overrides: Partial<Options>;
  readonly #network: MemoryNetwork;
  /** Whether a message gets through. */
  passes: (from: number, to: number, kind: string) => boolean = () => true;

  constructor(size: number, overrides: Partial<Options> = {}) {
    this.#overrides = overrides;
    this.#network = new MemoryNetwork({
      deliver: ({ message }, handOver) => {
        if (!this.passes(message.from, message.to, message.kind)) return;
        this.world.schedule(this.world.now + 1, () => {
          if (this.passes(message.from, message.to, message.kind)) handOver();
        });
      },
    });
    for (let id = 1; id <= size; id += 1) this.machines.push(this.#newMachine(id));
  }

  #newMachine(id: number): Machine {
    const machine: Machine = {
      disk: new MemoryDisk({
        schedule: (_operation, complete) => {
          machine.steps += 1;
          if (machine.steps === machine.diesAt) this.kill(id, machine.keepsWriteUnderWay);
          else if (!machine.isHanging) this.world.schedule(this.world.now, complete);
        },
      }),
      steps: 0,
      diesAt: 0,
      keepsWriteUnderWay: false,
      isHanging: false,
      server: null,
      lives: 0,
    };
    return machine;
  }

  machine(id: number): Machine {
    return this.machines[id - 1] as Machine;
  }

  server(id: number): Server {
    const { server } = this.machine(id);
    if (server === null) throw new Error(`server ${id} is down`);
    return server;
  }

  status(id: number): NodeStatus {
    return this.server(id).node.status();
  }

  /** Starts server `id`; null if it died while it did. */
  async start(id: number, overrides: Partial<Options> = {}): Promise<Server | null> {
    const machine = this.machine(id);
    const clock = new ProcessClock(this.world);
    const transport = new MemoryTransport({ network: this.#network, listen: `n${id}` });
    const journal = new Journal();
    machine.lives += 1;
    const server = { clock, transport, journal };
    this.#starting.set(id, server);
    const opening = RaftNode.open<string, number>({
      id: `n${id}`,
      bootstrap: {
        clusterId: "test",
        members: this.machines.map((_, place) => ({ name: `n${place + 1}`, address: `n${place + 1}` })),
      },
      storage: new MemoryLogStorage(machine.disk),
      snapshots: new MemorySnapshotStorage(machine.disk),
      transport,
      stateMachine: journal,
      codec: textCodec,
      clock,
      seed: 100 * machine.lives + id,
      onWarning: (warning) => this.warnings.push(warning),
      ...this.#overrides,
      ...overrides,
    });
    let node: RaftNode<string, number> | null = null;
    let failure: unknown = null;
    opening.then(
      (opened) => {
        node = opened;
      },
      (error: unknown) => {
        failure = error ?? new Error("it rejected");
      },
    );
    await this.world.until(() => node !== null || failure !== null || clock.isDead);
    if (failure !== null) throw failure;
    if (node === null || clock.isDead) return null;
    machine.server = { ...server, node };
    return machine.server;
  }

  readonly #starting = new Map<number, Omit<Server, "node">>();

  /** Its power is cut. */
  kill(id: number, keepsWriteUnderWay = false): void {
    const machine = this.machine(id);
    const life = this.#starting.get(id);
    machine.disk.crash({ keepsWriteUnderWay });
    machine.server = null;
    if (life === undefined) return;
    life.clock.isDead = true;
    void life.transport.close();
  }

  async startAll(): Promise<void> {
    for (const [place, machine] of this.machines.entries()) if (machine.server === null) await this.start(place + 1);
  }

  /** Runs until one of the running servers leads, and all of them know it. */
  async leader(): Promise<number> {
    let id = 0;
    await this.world.until(() => {
      const statuses = this.machines.flatMap(({ server }) => (server === null ? [] : [server.node.status()]));
      const leaders = statuses.filter(({ role }) => role === "leader");
      id = leaders[0]?.id ?? 0;
      return leaders.length === 1 && statuses.every(({ leaderId }) => leaderId === id);
    });
    return id;
  }

  /** Proposes lines `first` to `last` on server `id`, one after the other, and waits for each. */
  async propose(id: number, first: number, last: number): Promise<void> {
    for (let line = first; line <= last; line += 1) {
      await this.world.finish(this.server(id).node.propose(`line ${line}`));
    }
  }
}

export function linesUpTo(last: number): string[] {
  return Array.from({ length: last }, (_, place) => `line ${place + 1}`);
}
