/**
 * The way to one peer: one connection, dialled by this server and used only to send. What the peer has to say comes on
 * the connection that the peer dials.
 *
 * Two connections for a pair of servers, rather than one that both share, because then nobody has to decide which of
 * two that were dialled at the same time is to stay, and because "can I reach it" has one answer: mine. It costs a
 * socket, and packets that could have carried an acknowledgement back; neither is felt.
 *
 * While a dial is under way messages wait; between dials they are dropped, for what is old is of no use to Raft.
 */

import { connect } from "node:net";
import { CodecError, type EncodedMessage, encodeMessage, isKnownVersion } from "@quorate/codec";
import type { GroupId, PeerMessage, TransportIdentity } from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import { parseAddress } from "./address.js";
import { redialDelayMs } from "./backoff.js";
import { Channel } from "./channel.js";
import { FrameError } from "./frame.js";
import { FrameWriter } from "./frame-writer.js";
import { type Handshake, type Refusal, SILENT } from "./handshake.js";
import type { Settings } from "./options.js";
import { OutgoingQueue } from "./outgoing-queue.js";
import { type Failure, type TcpWarningCode, warningOf } from "./warning.js";

/** How much is gathered for one write to the socket: a heartbeat waits at most for this, or for one larger frame. */
const GATHER_BYTES = 64 * 1024;

export interface PeerLinkOptions {
  readonly peer: NodeId;
  readonly address: string;
  /** Where the peer says that it listens: tried in turn with the address. */
  readonly otherAddress: string | undefined;
  /** Where the peer reaches this server; empty if that is not known. */
  readonly ownAddress: string;
  readonly identity: TransportIdentity;
  readonly settings: Settings;
  readonly onDropped: (count: number) => void;
  /** The connection was there, and has ended. */
  readonly onLost: (peer: NodeId) => void;
}

export class PeerLink {
  readonly address: string;
  #otherAddress: string | undefined;
  readonly #peer: NodeId;
  readonly #ownAddress: string;
  readonly #identity: TransportIdentity;
  readonly #settings: Settings;
  readonly #onDropped: (count: number) => void;
  readonly #onLost: (peer: NodeId) => void;
  readonly #queue: OutgoingQueue;
  readonly #writer = new FrameWriter();
  #state: "waiting" | "connecting" | "connected" | "closed" = "waiting";
  #channel: Channel | null = null;
  #redialTimer: NodeJS.Timeout | undefined;
  /** Dials that led to nothing, or to a connection that did not last, since the last one that did. */
  #failures = 0;
  #connectedAtMs = 0;
  /** The protocol version of this connection; each dial begins with the newest. */
  #version: number;
  /** The older version that the other end asks for: dialled again at once, and once. */
  #wantedVersion: number | null = null;
  /** The largest frame that both ends take. */
  #maxFrameBytes = 0;
  #isFlushPlanned = false;
  /** The last warning, so that the same one is not given for every dial. */
  #lastWarning: TcpWarningCode | null = null;

  constructor(options: PeerLinkOptions) {
    const { peer, address, otherAddress, ownAddress, identity, settings, onDropped, onLost } = options;
    this.#ownAddress = ownAddress;
    this.address = address;
    this.#otherAddress = otherAddress;
    this.#peer = peer;
    this.#identity = identity;
    this.#settings = settings;
    this.#onDropped = onDropped;
    this.#onLost = onLost;
    this.#version = settings.maxProtocolVersion;
    this.#queue = new OutgoingQueue(settings.maxQueueBytes);
    this.#dial();
  }

  get isConnected(): boolean {
    return this.#state === "connected";
  }

  send(groupId: GroupId, message: PeerMessage): void {
    const canWait = this.#state === "connected" || this.#state === "connecting";
    if (!canWait || !this.#queue.push(groupId, message)) this.#onDropped(1);
    else if (this.#state === "connected") this.#planFlush();
  }

  /** The peer was heard of, and says where it listens: if a dial is waiting for its time, the time is now. */
  wake(otherAddress: string | undefined): void {
    this.#otherAddress = otherAddress;
    if (this.#state !== "waiting") return;
    clearTimeout(this.#redialTimer);
    this.#dial();
  }

  beat(): void {
    this.#channel?.beat();
  }

  /** Sends what waits as far as the kernel takes it, and ends the connection. Resolves when nothing is left of it. */
  async close(): Promise<void> {
    if (this.#state === "connected") this.#flush();
    this.#state = "closed";
    clearTimeout(this.#redialTimer);
    this.#onDropped(this.#queue.clear());
    await this.#channel?.end(null);
  }

  #dial(): void {
    this.#redialTimer = undefined;
    const named = parseAddress(this.address);
    const isSound = named !== null && named.port !== 0;
    if (!isSound) this.#warn({ code: "BAD_ADDRESS", reason: "this is no address." });
    const isOtherTurn = !isSound || this.#failures % 2 === 1;
    const other = isOtherTurn ? parseAddress(this.#otherAddress ?? "") : null;
    if (!isSound && other === null) return; // and no other dial: `setPeers` will name another address, or the peer will
    const address = other ?? (named as NonNullable<typeof named>);
    this.#state = "connecting";
    const socket = connect({ ...address, noDelay: true });
    const limits = { ...this.#settings, maxFrameBytes: 0 };
    const channel = new Channel(socket, limits, {
      onHandshake: (answer) => this.#onAnswer(answer),
      onFrame: () => {
        throw new FrameError("nothing is to be said on this connection.");
      },
      onDrain: () => this.#flush(),
      onEnd: (failure) => this.#onEnd(failure),
    });
    this.#channel = channel;
    const { clusterId, nodeId, incarnation = 0 } = this.#identity;
    const { maxFrameBytes } = this.#settings;
    const hello = {
      ...SILENT,
      clusterId,
      from: nodeId,
      to: this.#peer,
      incarnation,
      address: this.#ownAddress,
      maxFrameBytes,
    };
    channel.introduce({ ...hello, version: this.#version, verdict: "hello" }); // sent once the socket is connected
  }

  #onAnswer(answer: Handshake): void {
    if (answer.verdict === "versionMismatch" && this.#knowsOlder(answer.version)) {
      this.#wantedVersion = answer.version;
      void this.#channel?.end(null);
      return;
    }
    const failure = this.#check(answer);
    if (failure !== null) {
      void this.#channel?.end(failure);
      return;
    }
    this.#channel?.establish();
    this.#state = "connected";
    this.#connectedAtMs = performance.now();
    this.#lastWarning = null;
    this.#maxFrameBytes = Math.min(answer.maxFrameBytes, this.#settings.maxFrameBytes);
    this.#planFlush();
  }

  #knowsOlder(version: number): boolean {
    return version < this.#version && isKnownVersion(version);
  }

  /** Whether the other end is the server that was dialled, and wants this one. */
  #check({ version, verdict, clusterId, from, to }: Handshake): Failure | null {
    if (version !== this.#version) {
      const reason = `it speaks protocol version ${version}, this server version ${this.#version}.`;
      return { code: "VERSION_MISMATCH", reason };
    }
    if (verdict === "hello") return { code: "BAD_HANDSHAKE", reason: "it does not answer." };
    if (verdict !== "accepted") return REFUSALS[verdict];
    if (clusterId !== this.#identity.clusterId) return REFUSALS.clusterMismatch;
    if (from !== this.#peer || to !== this.#identity.nodeId) return REFUSALS.wrongNode;
    return null;
  }

  #onEnd(failure: Failure | null): void {
    const before = this.#state;
    this.#channel = null;
    if (before === "closed") return;
    this.#state = "waiting";
    if (this.#wantedVersion !== null) {
      this.#version = this.#wantedVersion;
      this.#wantedVersion = null;
      this.#dial();
      return;
    }
    this.#version = this.#settings.maxProtocolVersion;
    this.#onDropped(this.#queue.clear());
    this.#warn(explain(failure, before === "connected"));

    // A connection that ends as soon as it is there counts as a failure, or two servers with one id would race.
    if (before === "connected") this.#onLost(this.#peer);
    const lasted = before === "connected" && performance.now() - this.#connectedAtMs >= this.#settings.reconnectMaxMs;
    this.#failures = lasted ? 1 : this.#failures + 1;
    this.#redialTimer = setTimeout(() => this.#dial(), redialDelayMs(this.#failures, this.#settings));
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    // At the end of what runs now: all that one turn has to say leaves with one call of the kernel.
    process.nextTick(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  /** Hands messages to the socket for as long as it passes them on to the kernel at once. */
  #flush(): void {
    const channel = this.#channel;
    while (channel !== null && this.#state === "connected" && !channel.isBlocked) {
      while (this.#writer.gatheredBytes < GATHER_BYTES) {
        const next = this.#queue.shift();
        if (next === undefined) break;
        const encoded = this.#encode(next.groupId, next.message);
        if (encoded !== null) this.#writer.add(encoded);
      }
      if (this.#writer.gatheredBytes === 0) return;
      channel.write(this.#writer.take());
    }
  }

  #encode(groupId: GroupId, message: PeerMessage): EncodedMessage | null {
    let reason: string;
    try {
      const encoded = encodeMessage(groupId, message, this.#version);
      if (encoded.sizeBytes <= this.#maxFrameBytes) return encoded;
      reason = `${message.kind} of ${encoded.sizeBytes} bytes is above the limit of ${this.#maxFrameBytes}.`;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      reason = error.message;
    }
    this.#onDropped(1);
    this.#warn({ code: "MESSAGE_REFUSED", reason });
    return null;
  }

  #warn(failure: Failure): void {
    if (failure.code === this.#lastWarning) return;
    this.#lastWarning = failure.code;
    this.#settings.onWarning(warningOf(failure, "outgoing", this.#peer, this.address));
  }
}

/** What it means when the other end says that this server is not wanted. */
const REFUSALS: { readonly [Name in Refusal]: Failure } = {
  versionMismatch: { code: "VERSION_MISMATCH", reason: "it speaks another version of the protocol." },
  clusterMismatch: { code: "CLUSTER_MISMATCH", reason: "it belongs to another cluster." },
  wrongNode: { code: "WRONG_NODE", reason: "another server is at this address." },
  ownId: { code: "OWN_ID", reason: "it has the id of this server." },
};

function explain(failure: Failure | null, wasConnected: boolean): Failure {
  if (wasConnected) return failure ?? { code: "CONNECTION_LOST", reason: "it hung up." };
  if (failure === null) return { code: "UNREACHABLE", reason: "it hung up before the handshake." };
  return failure.code === "CONNECTION_LOST" ? { ...failure, code: "UNREACHABLE" } : failure;
}
