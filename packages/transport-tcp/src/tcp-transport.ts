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
  type PeerLossReceiver,
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
import { Links } from "./links.js";
import { type Settings, settingsOf, type TcpTransportOptions } from "./options.js";

export class TcpTransport implements Transport {
  readonly #settings: Settings;
  readonly #receivers = new Map<GroupId, MessageReceiver>();
  readonly #lossReceivers = new Map<GroupId, PeerLossReceiver>();
  #peers: ReadonlyMap<NodeId, string> = new Map();
  #state: "new" | "opening" | "open" | "closed" = "new";
  #identity: TransportIdentity | null = null;
  #incoming: Incoming | null = null;
  #links: Links | null = null;
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
      onMessage: ({ groupId, message }, incarnation) => this.#onMessage(groupId, message, incarnation),
      onPeer: (peer, address) => this.#links?.onPeer(peer, address),
      onPeerGone: (peer) => this.#onPeerGone(peer),
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
    const onDropped = (count: number): void => {
      this.#droppedMessages += count;
    };
    const onLost = (peer: NodeId): void => this.#tellLoss(peer);
    this.#links = new Links({ identity, settings: this.#settings, ownAddress: this.#ownAddress(), onDropped, onLost });
    this.#beatTimer = setInterval(() => this.#beat(), BEAT_MS);
    this.setPeers(this.#peers);
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    this.#peers = new Map(peers);
    if (this.#state !== "open") return;
    for (const peer of this.#links?.setPeers(this.#peers) ?? []) this.#incoming?.end(peer);
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
    const link = this.#links?.get(message.to);
    if (link === undefined || message.from !== this.#identity?.nodeId) this.#droppedMessages += 1;
    else link.send(groupId, message);
  }

  status(): TransportStatus {
    return { connected: this.#links?.connected ?? [], droppedMessages: this.#droppedMessages };
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
    const closed = this.#links?.close();
    await this.#incoming?.close();
    await closed;
  }

  /** As peers reach this server; empty if it listens everywhere and was not told. */
  #ownAddress(): string {
    const { advertise } = this.#settings;
    if (advertise !== "") return advertise;
    const isAnywhere = ["0.0.0.0", "::"].includes(this.#settings.listen.host);
    return isAnywhere ? "" : this.address;
  }

  #beat(): void {
    this.#links?.beat();
    this.#incoming?.beat();
  }

  #onPeerGone(peer: NodeId): void {
    this.#links?.onPeerGone(peer);
    this.#tellLoss(peer);
  }

  #tellLoss(peer: NodeId): void {
    if (this.#state === "open") for (const onPeerLost of this.#lossReceivers.values()) onPeerLost(peer);
  }

  /** Called from the moment when `open` has resolved until `close` ends the channels, which it does at once. */
  #onMessage(groupId: GroupId, message: PeerMessage, incarnation: number | undefined): void {
    const receive = this.#receivers.get(groupId);
    if (receive === undefined) this.#droppedMessages += 1;
    else receive(message, incarnation);
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
