/**
 * A transport between servers of one process, over a {@link MemoryNetwork}.
 *
 * Messages are handed over as the objects they are: entries are immutable, and nothing here writes to a message
 * (PITFALLS F11). A peer counts as connected while it listens at its address with the right identity. One that was
 * not named, or is not where it is named, counts as having connected once something came from it.
 */

import {
  type GroupId,
  type MessageReceiver,
  type PeerLossReceiver,
  type PeerMessage,
  type Transport,
  TransportError,
  type TransportIdentity,
  type TransportStatus,
} from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import type { Endpoint, Envelope, MemoryNetwork } from "./memory-network.js";

export interface MemoryTransportOptions {
  readonly network: MemoryNetwork;
  /** The address to listen at: any text that no other transport of the network uses. */
  readonly listen: string;
}

export class MemoryTransport implements Transport {
  /** Where this transport listens. */
  readonly address: string;
  readonly #network: MemoryNetwork;
  readonly #receivers = new Map<GroupId, MessageReceiver>();
  readonly #lossReceivers = new Map<GroupId, PeerLossReceiver>();
  #peers: ReadonlyMap<NodeId, string> = new Map();
  /** Servers from which something came, wherever they are named. */
  readonly #guests = new Set<NodeId>();
  /** Null before `open` and after `close`. */
  #identity: TransportIdentity | null = null;
  #isClosed = false;
  #droppedMessages = 0;

  constructor({ network, listen }: MemoryTransportOptions) {
    this.#network = network;
    this.address = listen;
  }

  async open(identity: TransportIdentity): Promise<void> {
    if (this.#isClosed || this.#identity !== null) {
      throw new TransportError("TRANSPORT_FAILED", "A transport can be opened only once.");
    }
    const endpoint: Endpoint = {
      identity,
      receive: (envelope) => this.#onEnvelope(envelope),
      lose: ({ nodeId }) => this.lose(nodeId),
    };
    if (!this.#network.listen(this.address, endpoint)) {
      throw new TransportError("TRANSPORT_FAILED", `The address ${this.address} is taken.`);
    }
    this.#identity = identity;
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    // Those who are no longer named have to connect anew; other guests stay.
    for (const nodeId of this.#peers.keys()) if (!peers.has(nodeId)) this.#guests.delete(nodeId);
    this.#peers = new Map(peers);
  }

  register(groupId: GroupId, receive: MessageReceiver, onPeerLost?: PeerLossReceiver): void {
    this.unregister(groupId);
    this.#receivers.set(groupId, receive);
    if (onPeerLost !== undefined) this.#lossReceivers.set(groupId, onPeerLost);
  }

  unregister(groupId: GroupId): void {
    this.#receivers.delete(groupId);
    this.#lossReceivers.delete(groupId);
  }

  send(groupId: GroupId, message: PeerMessage): void {
    const receiver = this.#identityOf(message.to);
    const address = this.#addressOf(message.to);
    if (
      address === undefined ||
      receiver === null ||
      message.from !== this.#identity?.nodeId ||
      this.#network.find(address, receiver) === undefined
    ) {
      this.#droppedMessages += 1;
      return;
    }
    const { incarnation } = this.#identity;
    const envelope: Envelope = { groupId, message, ...(incarnation === undefined ? {} : { incarnation }) };
    this.#network.carry(envelope, address, receiver);
  }

  status(): TransportStatus {
    const connected: NodeId[] = [];
    for (const nodeId of new Set([...this.#peers.keys(), ...this.#guests])) {
      const peer = this.#identityOf(nodeId);
      const address = this.#addressOf(nodeId);
      if (peer === null || address === undefined) continue;
      if (this.#network.find(address, peer) !== undefined) connected.push(nodeId);
    }
    return { connected, droppedMessages: this.#droppedMessages };
  }

  /**
   * Has this server hear that `peer` has gone, if it has anything to do with it. The network calls it when somebody
   * leaves; for tests and simulations, which may be wrong about it.
   */
  lose(peer: NodeId): void {
    const isKnown = this.#peers.has(peer) || this.#guests.has(peer);
    if (isKnown && this.#identity !== null) for (const onPeerLost of this.#lossReceivers.values()) onPeerLost(peer);
  }

  async close(): Promise<void> {
    if (this.#identity !== null) this.#network.leave(this.address);
    this.#identity = null;
    this.#isClosed = true;
  }

  /** Who a peer must be to get a message from here: of this cluster, and not this server itself. */
  #identityOf(nodeId: NodeId): TransportIdentity | null {
    if (this.#identity === null || nodeId === this.#identity.nodeId) return null;
    return { clusterId: this.#identity.clusterId, nodeId };
  }

  #addressOf(nodeId: NodeId): string | undefined {
    const named = this.#peers.get(nodeId);
    const identity = this.#identityOf(nodeId);
    if (identity === null || !this.#guests.has(nodeId)) return named;
    const isThere = named !== undefined && this.#network.find(named, identity) !== undefined;
    return isThere ? named : (this.#network.addressOf(identity) ?? named);
  }

  #onEnvelope({ groupId, message, incarnation }: Envelope): void {
    this.#guests.add(message.from);
    const receive = this.#receivers.get(groupId);
    if (receive === undefined) this.#droppedMessages += 1;
    else receive(message, incarnation);
  }
}
