/**
 * A transport over TCP: framed, checksummed, reconnecting, bounded.
 *
 * To each peer goes one connection that this server dials (`peer-link.ts`), from each peer comes one that it accepts
 * (`incoming.ts`); one connection carries all groups. What goes wrong on a connection ends that connection, and is
 * told through `onWarning`; nothing of it is ever thrown.
 */

import {
  type GroupId,
  type MessageReceiver,
  type PeerMessage,
  type Transport,
  TransportError,
  type TransportIdentity,
  type TransportStatus,
} from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import { formatAddress } from "./address.js";
import { BEAT_MS } from "./channel.js";
import { MAX_CLUSTER_ID_BYTES } from "./handshake.js";
import { Incoming } from "./incoming.js";
import { type Settings, settingsOf, type TcpTransportOptions } from "./options.js";
import { PeerLink } from "./peer-link.js";

export class TcpTransport implements Transport {
  readonly #settings: Settings;
  readonly #receivers = new Map<GroupId, MessageReceiver>();
  readonly #links = new Map<NodeId, PeerLink>();
  /** Links that were replaced and are not quite over. */
  readonly #leaving = new Set<Promise<void>>();
  #peers: ReadonlyMap<NodeId, string> = new Map();
  #state: "new" | "opening" | "open" | "closed" = "new";
  #identity: TransportIdentity | null = null;
  #incoming: Incoming | null = null;
  #beatTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;
  #droppedMessages = 0;

  /** Throws a `TransportError` with the code `INVALID_OPTIONS` if an option cannot work. */
  constructor(options: TcpTransportOptions) {
    this.#settings = settingsOf(options);
  }

  /** Where this transport listens; once open, with the port that the system chose. */
  get address(): string {
    const { host, port } = this.#settings.listen;
    return this.#incoming?.address ?? formatAddress(host, port);
  }

  async open(identity: TransportIdentity): Promise<void> {
    if (this.#state !== "new") throw new TransportError("TRANSPORT_FAILED", "A transport can be opened only once.");
    checkIdentity(identity);
    this.#state = "opening";
    const incoming = new Incoming(this.#settings, identity, {
      onMessage: ({ groupId, message }) => this.#onMessage(groupId, message),
      onPeer: (peer) => this.#links.get(peer)?.wake(),
    });
    this.#incoming = incoming;
    try {
      await incoming.listen();
    } catch (error) {
      throw cannotListen(this.address, error);
    }
    if (this.#isClosed()) throw cannotListen(this.address, "It was closed meanwhile.");
    this.#identity = identity;
    this.#state = "open";
    this.#beatTimer = setInterval(() => this.#beat(), BEAT_MS);
    this.setPeers(this.#peers);
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    this.#peers = new Map(peers);
    const identity = this.#identity;
    if (this.#state !== "open" || identity === null) return;
    for (const [peer, link] of this.#links) {
      if (peers.get(peer) !== link.address) this.#drop(peer, link);
    }
    for (const [peer, address] of this.#peers) {
      if (peer === identity.nodeId || this.#links.has(peer)) continue;
      const onDropped = (count: number) => {
        this.#droppedMessages += count;
      };
      this.#links.set(peer, new PeerLink({ peer, address, identity, settings: this.#settings, onDropped }));
    }
  }

  register(groupId: GroupId, receive: MessageReceiver): void {
    this.#receivers.set(groupId, receive);
  }

  unregister(groupId: GroupId): void {
    this.#receivers.delete(groupId);
  }

  send(groupId: GroupId, message: PeerMessage): void {
    const link = this.#links.get(message.to);
    if (link === undefined || message.from !== this.#identity?.nodeId) this.#droppedMessages += 1;
    else link.send(groupId, message);
  }

  status(): TransportStatus {
    const connected: NodeId[] = [];
    for (const [peer, link] of this.#links) {
      if (link.isConnected) connected.push(peer);
    }
    return { connected, droppedMessages: this.#droppedMessages };
  }

  close(): Promise<void> {
    this.#state = "closed";
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  async #close(): Promise<void> {
    clearInterval(this.#beatTimer);
    for (const [peer, link] of this.#links) this.#drop(peer, link);
    await this.#incoming?.close();
    await Promise.all(this.#leaving);
  }

  #drop(peer: NodeId, link: PeerLink): void {
    this.#links.delete(peer);
    const leaving = link.close().then(() => {
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }

  #beat(): void {
    for (const link of this.#links.values()) link.beat();
    this.#incoming?.beat();
  }

  /** Called from the moment when `open` has resolved until `close` ends the channels, which it does at once. */
  #onMessage(groupId: GroupId, message: PeerMessage): void {
    const receive = this.#receivers.get(groupId);
    if (receive === undefined) this.#droppedMessages += 1;
    else receive(message);
  }
}

function cannotListen(address: string, cause: unknown): TransportError {
  return new TransportError("TRANSPORT_FAILED", `Cannot listen at ${address}.`, { cause });
}

function checkIdentity({ clusterId, nodeId }: TransportIdentity): void {
  const sizeBytes = Buffer.byteLength(clusterId, "utf8");
  if (sizeBytes === 0 || sizeBytes > MAX_CLUSTER_ID_BYTES) {
    const message = `The cluster id must have 1 to ${MAX_CLUSTER_ID_BYTES} bytes, but has ${sizeBytes}.`;
    throw new TransportError("INVALID_OPTIONS", message);
  }
  if (!Number.isSafeInteger(nodeId) || nodeId <= 0) {
    throw new TransportError("INVALID_OPTIONS", `${nodeId} is no id of a server.`);
  }
}
