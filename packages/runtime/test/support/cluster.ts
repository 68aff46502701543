/** A few servers in a world of their own: production nodes on fakes. */

import type { CommandCodec, CommittedCommand, StateMachine } from "@quorate/contracts";
import type { MemberChange } from "@quorate/core";
import { RaftNode, type RaftNodeOptions, type ReadOptions } from "../../src/index.js";
import { FakeNetwork, FakeTransport } from "./fake-network.js";
import { blankDisk, type Disk, FakeStorage } from "./fake-storage.js";
import { World } from "./world.js";

/** Keeps every line; answers how many there are. */
export class Journal implements StateMachine<string, number> {
  readonly lines: string[] = [];
  readonly places: { readonly index: number; readonly term: number }[] = [];

  apply({ command, index, term }: CommittedCommand<string>): number {
    this.lines.push(command);
    this.places.push({ index, term });
    return this.lines.length;
  }
}

export const textCodec: CommandCodec<string, number> = {
  encodeCommand: (text) => new TextEncoder().encode(text),
  decodeCommand: (data) => new TextDecoder().decode(data),
  encodeResult: (result) => new TextEncoder().encode(String(result)),
  decodeResult: (data) => Number(new TextDecoder().decode(data)),
};

export type Options = RaftNodeOptions<string, number>;

/** What a test wants to be different; `role: "witness"` is a server without its journal. */
export type Overrides = Omit<Partial<Options>, "role"> & { readonly role?: "witness" };

export interface Server {
  readonly node: RaftNode<string, number>;
  readonly journal: Journal;
  readonly storage: FakeStorage;
  readonly transport: FakeTransport;
}

export class Cluster {
  readonly world = new World();
  readonly network = new FakeNetwork(this.world);
  readonly servers: Server[] = [];
  readonly #disks: Disk[] = [];
  readonly #names: readonly string[];
  readonly #overrides: Partial<Options>;
  #seed = 0;

  private constructor(size: number, overrides: Partial<Options>) {
    this.#names = Array.from({ length: size }, (_, place) => `n${place + 1}`);
    this.#overrides = overrides;
  }

  /** Opens a cluster of `size` servers, and starts those of `ids`: all, unless said otherwise. */
  static async open(size: number, overrides: Partial<Options> = {}, ids?: readonly number[]): Promise<Cluster> {
    const cluster = new Cluster(size, overrides);
    for (const id of ids ?? cluster.#names.map((_, place) => place + 1)) await cluster.start(id);
    return cluster;
  }

  /** Starts server `id`, on the disk that it had. */
  start(id: number, overrides: Overrides = {}): Promise<Server> {
    if (id > this.#names.length) return this.#start(id, overrides);
    const members = this.#names.map((each) => ({ name: each, address: each }));
    return this.#start(id, { bootstrap: { clusterId: "test", members }, ...overrides });
  }

  /** Starts server `id`, blank, which asks server `via` to be taken in: as voter, unless said otherwise. */
  join(id: number, via: number, member: Partial<MemberChange> = {}, overrides: Overrides = {}): Promise<Server> {
    const { node } = this.server(via);
    const change: MemberChange = { name: `n${id}`, address: `n${id}`, role: "voter", ...member };
    const join: Options["join"] = (request) => this.world.finish(node.admit({ ...change, ...request }));
    return this.#start(id, { join, ...overrides });
  }

  async #start(id: number, { role, ...how }: Overrides): Promise<Server> {
    const disk = this.#disks[id - 1] ?? blankDisk();
    this.#disks[id - 1] = disk;
    const name = `n${id}`;
    const storage = new FakeStorage(this.world, disk);
    const transport = new FakeTransport(this.network, name);
    const journal = new Journal();
    this.#seed += 1;
    const options: Options = {
      id: name,
      storage,
      transport,
      stateMachine: journal,
      codec: textCodec,
      clock: this.world.clock,
      seed: this.#seed,
      ...this.#overrides,
      ...how,
    };
    const node = await RaftNode.open<string, number>(
      role === undefined ? options : { ...options, role, stateMachine: undefined },
    );
    const server: Server = { node, journal, storage, transport };
    this.servers[id - 1] = server;
    return server;
  }

  server(id: number): Server {
    return this.servers[id - 1] as Server;
  }

  /** Throws away what server `id` had stored. */
  wipe(id: number): void {
    this.#disks[id - 1] = blankDisk();
  }

  /** Runs until one server leads and all running ones know it, and returns its id. */
  async leader(): Promise<number> {
    let id = 0;
    await this.world.until(() => {
      const statuses = this.servers.map(({ node }) => node.status()).filter(({ role }) => role !== "stopped");
      const leaders = statuses.filter(({ role }) => role === "leader");
      id = leaders[0]?.id ?? 0;
      const known = statuses.filter(
        ({ leaderId, currentTerm }) => leaderId === id && currentTerm === leaders[0]?.currentTerm,
      );
      return leaders.length === 1 && known.length === statuses.length;
    });
    return id;
  }

  /** The servers that are not `id`. */
  others(id: number): number[] {
    return this.servers.map((_, place) => place + 1).filter((each) => each !== id);
  }

  /** A test that has not yet looked at a promise when it rejects is no reason to end the process. */
  propose(id: number, line: string, timeoutMs?: number): Promise<number> {
    return handled(this.server(id).node.propose(line, { timeoutMs }));
  }

  /** Reads the lines of server `id`. */
  read(id: number, options: ReadOptions = {}): Promise<readonly string[]> {
    const { node, journal } = this.server(id);
    return handled(node.read(() => [...journal.lines], options));
  }
}

function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}
