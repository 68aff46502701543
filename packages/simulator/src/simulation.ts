/**
 * One simulated life of a cluster: production servers, clients that propose and read, and faults, all from one seed.
 *
 * The servers are `RaftNode`s as users run them; only clock, network and disk are not real. After the faults stop,
 * everything is healed and restarted, and the cluster must make progress within a stated time.
 */

import { type PeerMessage, RaftError } from "@quorate/contracts";
import { type NodeId, Random } from "@quorate/core";
import { MemoryNetwork } from "@quorate/transport-memory";
import { NetworkFaults } from "./network-faults.js";
import { Oracle } from "./oracle.js";
import { drawParameters, type Parameters } from "./parameters.js";
import { SimulatedServer } from "./simulated-server.js";
import { SimulatedTime } from "./simulated-time.js";

/** Lets everything run that promises have made ready; in Node, a turn of `setImmediate`. */
export type Settle = () => Promise<void>;

export interface SimulationReport {
  readonly seed: number;
  readonly parameters: Parameters;
  /** What broke, in words; null if nothing did. */
  readonly violation: string | null;
  readonly events: number;
  readonly simulatedMs: number;
  readonly committed: number;
  readonly crashes: number;
  readonly partitions: number;
  readonly pauses: number;
  /** The same for the same seed, whatever machine it runs on. */
  readonly hash: number;
}

const REQUEST_TIMEOUT_MS = 2_000;
/** Twenty times the longest wait before a campaign: time enough for any number of split votes that will ever be seen. */
const RECOVERY_MS = 20 * 500;

/** Runs the life that `seed` decides. Rejects only if the simulation itself fails. */
export async function simulate(seed: number, settle: Settle): Promise<SimulationReport> {
  return new Simulation(seed, settle).run();
}

class Simulation {
  readonly #seed: number;
  readonly #settle: Settle;
  readonly #random: Random;
  readonly #parameters: Parameters;
  readonly #time = new SimulatedTime();
  readonly #oracle = new Oracle();
  readonly #network: NetworkFaults;
  readonly #servers: SimulatedServer[] = [];
  #events = 0;
  #crashes = 0;
  #partitions = 0;
  #pauses = 0;
  #pendingRequests = 0;
  #areClientsDone = false;
  #hash = 0;

  constructor(seed: number, settle: Settle) {
    this.#seed = seed;
    this.#settle = settle;
    this.#random = new Random(seed);
    this.#parameters = drawParameters(this.#random);
    this.#network = new NetworkFaults(this.#time, this.#random, this.#parameters);
    const names = Array.from({ length: this.#parameters.servers }, (_, place) => `n${place + 1}`);
    const world = {
      time: this.#time,
      random: this.#random,
      parameters: this.#parameters,
      network: new MemoryNetwork({ deliver: ({ message }, handOver) => this.#deliver(message, handOver) }),
      oracle: this.#oracle,
      names,
    };
    for (const place of names.keys()) this.#servers.push(new SimulatedServer(place + 1, world));
  }

  async run(): Promise<SimulationReport> {
    const { faultyMs, clients } = this.#parameters;
    for (const server of this.#servers) server.start();
    for (let client = 1; client <= clients; client += 1) this.#runClient(client);
    this.#scheduleFaults();
    await this.#runUntil(() => this.#time.now >= faultyMs);
    this.#recover();
    const deadline = this.#time.now + RECOVERY_MS;
    await this.#runUntil(() => this.#hasConverged() || this.#time.now >= deadline);
    if (!this.#hasConverged())
      this.#oracle.onFailure(`Progress: no agreement ${RECOVERY_MS} ms after the faults stopped`);
    this.#oracle.conclude();
    await this.#close();
    return this.#report();
  }

  #deliver({ from, to }: PeerMessage, handOver: () => void): void {
    this.#network.deliver(from, to, () => this.#servers[to - 1]?.receive(handOver));
  }

  async #runUntil(isOver: () => boolean): Promise<void> {
    while (!isOver() && this.#oracle.violation === null && this.#time.runNext()) {
      this.#events += 1;
      this.#hash = (Math.imul(this.#hash, 31) + Math.floor(this.#time.now * 1000) + this.#oracle.committedLines) | 0;
      await this.#settle();
    }
  }

  // --- clients ---

  /** One request after the other, each to a random server, with a pause between. */
  #runClient(client: number): void {
    let request = 0;
    const next = (): void => {
      if (this.#areClientsDone) return;
      request += 1;
      const node = this.#pick(this.#servers);
      const asked = this.#chance(0.7) ? this.#propose(node, `c${client}-${request}`) : this.#read(node);
      void asked.finally(() => this.#time.schedule(this.#time.now + this.#random.between(0, 60), next));
    };
    this.#time.schedule(this.#random.between(0, 500), next);
  }

  async #propose(server: SimulatedServer, line: string): Promise<void> {
    await this.#request(server, async () => {
      try {
        this.#oracle.onResult(line, await server.propose(line, REQUEST_TIMEOUT_MS));
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        this.#oracle.onRefused(line, error);
      }
    });
  }

  async #read(server: SimulatedServer): Promise<void> {
    const atLeast = this.#oracle.acknowledgedLength;
    await this.#request(server, async () => {
      try {
        this.#oracle.onRead(server.name, await server.readLength(REQUEST_TIMEOUT_MS), atLeast);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
      }
    });
  }

  /** A request to a server that crashes meanwhile is never answered; the client turns to something else. */
  async #request(server: SimulatedServer, send: () => Promise<void>): Promise<void> {
    this.#pendingRequests += 1;
    const answered = send().catch((error: unknown) =>
      this.#oracle.onFailure(`Errors: ${String(error)} is not a RaftError`),
    );
    await Promise.race([answered, server.whenCrashed()]);
    this.#pendingRequests -= 1;
  }

  // --- faults ---

  #scheduleFaults(): void {
    const { crashEveryMs, partitionEveryMs, pauseEveryMs } = this.#parameters;
    this.#repeat(crashEveryMs, () => this.#crashOne());
    this.#repeat(partitionEveryMs, () => this.#partition());
    this.#repeat(pauseEveryMs, () => this.#pauseOne());
  }

  #repeat(meanMs: number, fault: () => void): void {
    if (meanMs === Number.POSITIVE_INFINITY) return;
    const again = (): void => {
      if (this.#areClientsDone) return;
      fault();
      this.#time.schedule(this.#time.now + this.#random.between(0, 2 * meanMs), again);
    };
    this.#time.schedule(this.#random.between(0, 2 * meanMs), again);
  }

  /** Mostly one server; now and then all of them, as a power cut does. */
  #crashOne(): void {
    const victims = this.#chance(0.15) ? this.#servers : [this.#pick(this.#servers)];
    for (const server of victims) {
      if (!server.isRunning) continue;
      this.#crashes += 1;
      server.crash();
      this.#time.schedule(this.#time.now + this.#random.between(1, 1_500), () => server.start());
    }
  }

  #partition(): void {
    this.#partitions += 1;
    this.#network.heal();
    const ids = this.#servers.map(({ id }) => id);
    const shape = this.#random.between(0, 3);
    if (shape < 1) this.#isolate(this.#pick(ids), ids);
    else if (shape < 2) this.#network.cut(ids, this.#random.between(0, 0.6));
    else this.#halve(ids);
    this.#time.schedule(this.#time.now + this.#random.between(100, 2_000), () => this.#network.heal());
  }

  #isolate(id: NodeId, ids: readonly NodeId[]): void {
    this.#network.split(
      [id],
      ids.filter((other) => other !== id),
    );
  }

  #halve(ids: readonly NodeId[]): void {
    const left = ids.filter(() => this.#chance(0.5));
    this.#network.split(
      left,
      ids.filter((id) => !left.includes(id)),
    );
  }

  #pauseOne(): void {
    this.#pauses += 1;
    this.#pick(this.#servers).pauseFor(this.#random.between(50, 1_200));
  }

  /** The faults stop: links heal, crashed servers start again, clients come to an end. */
  #recover(): void {
    this.#areClientsDone = true;
    this.#network.calm();
    for (const server of this.#servers) server.start();
    const proposeLast = (): void => {
      if (!this.#hasConverged())
        void this.#propose(this.#pick(this.#servers), `last-${this.#events}`).finally(proposeLater);
    };
    const proposeLater = (): void => {
      this.#time.schedule(this.#time.now + 100, proposeLast);
    };
    proposeLast();
  }

  /** Every server has applied everything, and something was acknowledged after the faults. */
  #hasConverged(): boolean {
    const length = this.#oracle.committedLines;
    return (
      length > 0 &&
      this.#oracle.acknowledgedLength === length &&
      this.#servers.every((server) => server.appliedLength === length)
    );
  }

  /** Every promise settles, at the latest when its server closes. */
  async #close(): Promise<void> {
    if (this.#oracle.violation !== null) return;
    let closed = 0;
    for (const server of this.#servers) void server.close().then(() => (closed += 1));
    const deadline = this.#time.now + RECOVERY_MS;
    await this.#runUntil(
      () => (closed === this.#servers.length && this.#pendingRequests === 0) || this.#time.now >= deadline,
    );
    if (closed < this.#servers.length) this.#oracle.onFailure("Close: a server did not come to an end");
    if (this.#pendingRequests > 0)
      this.#oracle.onFailure(`Settled: ${this.#pendingRequests} requests were never answered`);
  }

  #report(): SimulationReport {
    return {
      seed: this.#seed,
      parameters: this.#parameters,
      violation: this.#oracle.violation,
      events: this.#events,
      simulatedMs: this.#time.now,
      committed: this.#oracle.committedLines,
      crashes: this.#crashes,
      partitions: this.#partitions,
      pauses: this.#pauses,
      hash: this.#hash >>> 0,
    };
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random.between(0, from.length))] as T;
  }

  #chance(rate: number): boolean {
    return this.#random.between(0, 1) < rate;
  }
}
