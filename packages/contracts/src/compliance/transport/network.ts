/** What the transport suite is made of: servers that only listen and speak, and messages of every kind. */

import type { AppendEntries, Heartbeat, NodeId } from "@quorate/core";
import type { GroupId, PeerMessage, Transport } from "../../transport.js";
import type { TransportHarness } from "./harness.js";

declare function setImmediate(callback: () => void): void;

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const PATIENCE_MS = 4000;

export interface Arrival {
  readonly groupId: GroupId;
  readonly message: PeerMessage;
}

/** A transport, and what it received for group 1. */
export class Server<T extends Transport> {
  readonly transport: T;
  readonly received: Arrival[] = [];
  /** Of whom it was told that they have gone. */
  readonly lost: NodeId[] = [];
  onArrival: (message: PeerMessage) => void = () => undefined;
  readonly #nodeId: NodeId;
  readonly #harness: TransportHarness<T>;

  constructor(transport: T, nodeId: NodeId, harness: TransportHarness<T>) {
    this.transport = transport;
    this.#nodeId = nodeId;
    this.#harness = harness;
    const receive = (message: PeerMessage): void => {
      this.received.push({ groupId: 1, message });
      this.onArrival(message);
    };
    transport.register(1, receive, (peer) => this.lost.push(peer));
  }

  get address(): string {
    return this.#harness.addressOf(this.transport);
  }

  open(clusterId: string): Promise<void> {
    return this.transport.open({ clusterId, nodeId: this.#nodeId });
  }

  messages<Kind extends PeerMessage["kind"]>(kind: Kind): Extract<PeerMessage, { kind: Kind }>[] {
    return this.received
      .map(({ message }) => message)
      .filter((message): message is Extract<PeerMessage, { kind: Kind }> => message.kind === kind);
  }
}

interface StartOptions {
  readonly clusterId?: string;
  readonly address?: string;
  readonly peers?: ReadonlyMap<NodeId, string>;
}

/** All servers of one test. */
export class Network<T extends Transport> {
  readonly #harness: TransportHarness<T>;
  readonly #transports: T[] = [];

  constructor(harness: TransportHarness<T>) {
    this.#harness = harness;
  }

  create(address?: string): T {
    const transport = this.#harness.create(address);
    this.#transports.push(transport);
    return transport;
  }

  prepare(nodeId: NodeId, address?: string): Server<T> {
    return new Server(this.create(address), nodeId, this.#harness);
  }

  async start(nodeId: NodeId, { clusterId = "one", address, peers }: StartOptions = {}): Promise<Server<T>> {
    const server = this.prepare(nodeId, address);
    if (peers !== undefined) server.transport.setPeers(peers);
    await server.open(clusterId);
    return server;
  }

  /** Where somebody listened once, and nobody does any more. */
  async deadAddress(): Promise<string> {
    const server = await this.start(99);
    const { address } = server;
    await server.transport.close();
    return address;
  }

  /** Servers 1 and 2, connected with each other. */
  async pair(): Promise<[Server<T>, Server<T>]> {
    const [a, b] = [await this.start(1), await this.start(2)];
    a.transport.setPeers(peers([2, b.address]));
    b.transport.setPeers(peers([1, a.address]));
    await this.deliver(a, b, heartbeat(1, 2, 0));
    await this.deliver(b, a, heartbeat(2, 1, 0));
    return [a, b];
  }

  /** Sends `message` until it has arrived; returns what arrived. */
  async deliver(from: Server<T>, to: Server<T>, message: PeerMessage): Promise<Arrival> {
    const before = to.received.length;
    // Sent again only now and then: what was sent may still be on its way.
    let turns = 0;
    const again = () => {
      if (turns % 50 === 0) from.transport.send(1, message);
      turns += 1;
    };
    return this.until(() => to.received.slice(before).find((arrival) => isSame(arrival.message, message)), again);
  }

  /** Calls `eachTurn` in every turn of the event loop until `look` finds something: anything but false or undefined. */
  async until<Found>(look: () => Found | false | undefined, eachTurn: () => void = () => undefined): Promise<Found> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > giveUpAt) throw new Error(`Not found in ${PATIENCE_MS} ms: ${look}`);
      eachTurn();
      await turn();
    }
  }

  openHandles(): readonly string[] {
    return this.#harness.openHandles?.() ?? [];
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }
}

/** Compares bytes; `toStrictEqual` would take seconds for a few MiB. */
export function isSameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i]);
}

/** The kind and one more number tell the messages of a test apart. */
function isSame(a: PeerMessage, b: PeerMessage): boolean {
  if (a.kind === "heartbeat" && b.kind === "heartbeat") return a.round === b.round;
  if (a.kind === "appendEntries" && b.kind === "appendEntries") return a.stream === b.stream;
  return a.kind === b.kind;
}

export function peers(...addresses: readonly (readonly [NodeId, string])[]): ReadonlyMap<NodeId, string> {
  return new Map(addresses);
}

export function heartbeat(from: NodeId, to: NodeId, round: number): Heartbeat {
  return { kind: "heartbeat", from, to, term: 3, round, leaderCommit: 2, isQuiet: false };
}

/** An append with one entry for each payload. */
export function appendOf(from: NodeId, to: NodeId, payloads: readonly Uint8Array[], stream = 1): AppendEntries {
  const entries = payloads.map((data, i) => ({ index: 11 + i, term: 3, kind: "command" as const, data }));
  return {
    kind: "appendEntries",
    from,
    to,
    term: 3,
    stream,
    prevLogIndex: 10,
    prevLogTerm: 2,
    leaderCommit: 9,
    entries,
  };
}

/** Bytes without a pattern that a shifted or cut copy could share. */
export function noise(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = sizeBytes + 1;
  for (let i = 0; i < sizeBytes; i += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

const head = { from: 1, to: 2, term: Number.MAX_SAFE_INTEGER };
const emptyResult = { from: 1, to: 2, requestId: 7, data: new Uint8Array(0) };

const samples: { readonly [Kind in PeerMessage["kind"]]: Extract<PeerMessage, { kind: Kind }> } = {
  requestPreVote: { ...head, kind: "requestPreVote", round: 1, lastLogIndex: 2, lastLogTerm: 3 },
  requestPreVoteResult: {
    ...head,
    kind: "requestPreVoteResult",
    round: 1,
    voteGranted: false,
    lastLogIndex: 12,
    lastLogTerm: 3,
  },
  pullEntries: { ...head, kind: "pullEntries", round: 2, prevLogIndex: 11, prevLogTerm: 3 },
  pulledEntries: {
    ...head,
    kind: "pulledEntries",
    round: 2,
    prevLogIndex: 11,
    prevLogTerm: 3,
    lastLogIndex: 2 ** 40,
    lastLogTerm: 5,
    entries: [
      { index: 12, term: 3, kind: "command", data: noise(300) },
      { index: 13, term: 4, kind: "noop", data: new Uint8Array(0) },
    ],
  },
  requestVote: { ...head, kind: "requestVote", round: 70_000, lastLogIndex: 2 ** 40, lastLogTerm: 3, isTransfer: true },
  requestVoteResult: { ...head, kind: "requestVoteResult", round: 1, voteGranted: false },
  appendEntries: {
    ...head,
    kind: "appendEntries",
    stream: 1,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 1,
    entries: [
      { index: 1, term: 1, kind: "noop", data: new Uint8Array(0) },
      { index: 2, term: 1, kind: "membership", data: new Uint8Array([0, 255, 1]) },
      { index: 3, term: 2, kind: "command", data: noise(700) },
    ],
  },
  appendEntriesResult: {
    ...head,
    kind: "appendEntriesResult",
    stream: 1,
    success: false,
    matchIndex: 0,
    rejectedIndex: 9,
    hintIndex: 8,
    hintTerm: 7,
  },
  heartbeat: { ...head, kind: "heartbeat", round: 4, leaderCommit: 5, isQuiet: true },
  heartbeatResult: {
    ...head,
    kind: "heartbeatResult",
    round: 4,
    supportedLevels: { library: 1, application: 2 },
    allowsQuiet: true,
  },
  commit: { ...head, kind: "commit", leaderCommit: 6 },
  readIndex: { ...head, kind: "readIndex", readId: 7, isLease: true },
  readIndexResult: { ...head, kind: "readIndexResult", readId: 7, success: true, index: 8 },
  adminRequest: { ...head, kind: "adminRequest", requestId: 9, data: noise(200) },
  adminResult: { from: 1, to: 2, kind: "adminResult", requestId: 9, data: noise(200) },
  unwanted: { from: 1, to: 2, kind: "unwanted", index: 77, incarnation: 2 ** 48 - 1 },
  propose: { ...head, kind: "propose", requestId: 7, data: noise(300) },
  proposeResult: { ...emptyResult, kind: "proposeResult", outcome: "unknown", code: "TIMED_OUT", leaderId: 3 },
  timeoutNow: { ...head, kind: "timeoutNow", lastLogIndex: 2 ** 40, lastLogTerm: 3 },
  snapshotChunk: {
    ...head,
    kind: "snapshotChunk",
    stream: 3,
    place: { index: 2 ** 40, term: 3 },
    sizeBytes: 1000,
    checksum: 2 ** 32 - 1,
    offset: 0,
    header: noise(30),
    data: noise(300),
  },
  snapshotChunkResult: {
    ...head,
    kind: "snapshotChunkResult",
    stream: 3,
    place: { index: 2 ** 40, term: 3 },
    nextOffset: 300,
    isAccepted: true,
  },
  stateDigest: { ...head, kind: "stateDigest", index: 2 ** 40, isKnown: true, digest: 2 ** 53 - 1 },
  stateDigestRequest: { ...head, kind: "stateDigestRequest", index: 2 ** 40 },
  stateDigestVerdict: { ...head, kind: "stateDigestVerdict", index: 2 ** 40, digest: 2 ** 53 - 1 },
};

/** One message of every kind, from server 1 to server 2. A new kind does not compile until it is here. */
export const sampleMessages: readonly PeerMessage[] = Object.values(samples);
