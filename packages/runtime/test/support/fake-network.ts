/** A network that a test can cut, and whose messages it can see, drop and double. */

import type {
  GroupId,
  MessageReceiver,
  PeerLossReceiver,
  PeerMessage,
  Transport,
  TransportIdentity,
} from "@quorate/contracts";
import type { World } from "./world.js";

export type Fate = "deliver" | "drop" | "double";

export class FakeNetwork {
  readonly #world: World;
  readonly #transports = new Map<string, FakeTransport>();
  readonly sent: PeerMessage[] = [];
  delayMs = 1;
  /** Whether a message says of which incarnation its sender is. */
  saysIncarnations = false;
  /** What becomes of a message. */
  fate: (message: PeerMessage) => Fate = () => "deliver";
  readonly #cut = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Cuts the links between `id` and all others, both ways. */
  isolate(id: number): void {
    for (let other = 1; other <= 9; other += 1) {
      this.#cut.add(`${id}>${other}`);
      this.#cut.add(`${other}>${id}`);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  isCut(from: number, to: number): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  attach(address: string, transport: FakeTransport): void {
    this.#transports.set(address, transport);
  }

  detach(address: string): void {
    this.#transports.delete(address);
  }

  /** Where server `id` listens. */
  addressOf(id: number): string | undefined {
    return [...this.#transports].find(([, { identity }]) => identity?.nodeId === id)?.[0];
  }

  isListening(address: string): boolean {
    return this.#transports.has(address);
  }

  carry(address: string, groupId: GroupId, message: PeerMessage, incarnation: number | undefined): void {
    this.sent.push(message);
    if (this.isCut(message.from, message.to)) return;
    const fate = this.fate(message);
    if (fate === "drop") return;
    for (let copy = 1; copy <= (fate === "double" ? 2 : 1); copy += 1) {
      this.#world.schedule(this.#world.now + copy * this.delayMs, () => {
        this.#transports.get(address)?.receive(groupId, message, incarnation);
      });
    }
  }
}

export class FakeTransport implements Transport {
  readonly #network: FakeNetwork;
  readonly #address: string;
  #identity: TransportIdentity | null = null;
  peers: ReadonlyMap<number, string> = new Map();
  /** Servers that it was not told of, and that have spoken to it. */
  readonly #guests = new Set<number>();
  #receivers = new Map<GroupId, MessageReceiver>();
  #lossReceivers = new Map<GroupId, PeerLossReceiver>();
  #dropped = 0;
  isClosed = false;
  throwOnSend = false;

  constructor(network: FakeNetwork, address: string) {
    this.#network = network;
    this.#address = address;
  }

  get identity(): TransportIdentity | null {
    return this.#identity;
  }

  async open(identity: TransportIdentity): Promise<void> {
    this.#identity = identity;
    this.#network.attach(this.#address, this);
  }

  setPeers(peers: ReadonlyMap<number, string>): void {
    for (const id of [...this.peers.keys(), ...peers.keys()]) this.#guests.delete(id);
    this.peers = new Map(peers);
  }

  register(groupId: GroupId, receive: MessageReceiver, onPeerLost: PeerLossReceiver): void {
    this.#receivers.set(groupId, receive);
    this.#lossReceivers.set(groupId, onPeerLost);
  }

  unregister(groupId: GroupId): void {
    this.#receivers.delete(groupId);
    this.#lossReceivers.delete(groupId);
  }

  get isRegistered(): boolean {
    return this.#receivers.size > 0;
  }

  receive(groupId: GroupId, message: PeerMessage, incarnation?: number): void {
    if (!this.peers.has(message.from)) this.#guests.add(message.from);
    this.#receivers.get(groupId)?.(message, incarnation);
  }

  /** Its connections with `peer` end. */
  lose(peer: number): void {
    for (const onPeerLost of this.#lossReceivers.values()) onPeerLost(peer);
  }

  send(groupId: GroupId, message: PeerMessage): void {
    if (this.throwOnSend) throw new Error("a transport that throws");
    const isGuest = !this.peers.has(message.to) && this.#guests.has(message.to);
    const address = isGuest ? this.#network.addressOf(message.to) : this.peers.get(message.to);
    if (address === undefined || this.isClosed) this.#dropped += 1;
    else
      this.#network.carry(
        address,
        groupId,
        message,
        this.#network.saysIncarnations ? this.#identity?.incarnation : undefined,
      );
  }

  status() {
    const self = this.#identity?.nodeId ?? 0;
    const guests = [...this.#guests].map((id) => [id, this.#network.addressOf(id) ?? ""] as const);
    const connected = [...this.peers, ...guests]
      .filter(([id, address]) => id !== self && this.#network.isListening(address) && !this.#network.isCut(self, id))
      .map(([id]) => id);
    return { connected, droppedMessages: this.#dropped };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#network.detach(this.#address);
  }
}
