/**
 * Connections that others dialled, to send to this server. Nothing but keep-alives goes back on them.
 *
 * A stranger gets as far as the handshake and no further. Of each peer one connection is kept, the newest: after a
 * broken line the old one may look alive for a while, and only the peer knows that it is not.
 */

import { createServer, type Server, type Socket } from "node:net";
import {
  CodecError,
  type DecodedMessage,
  decodeMessage,
  isKnownVersion,
  OLDEST_PROTOCOL_VERSION,
} from "@quorate/codec";
import type { TransportIdentity } from "@quorate/contracts";
import { NOBODY, type NodeId } from "@quorate/core";
import { formatAddress } from "./address.js";
import { Channel } from "./channel.js";
import { FrameError } from "./frame.js";
import { type Handshake, HandshakeError, type Refusal, SILENT } from "./handshake.js";
import type { Settings } from "./options.js";
import { type Failure, warningOf } from "./warning.js";

/** What the transport does with what comes in. */
export interface IncomingHandler {
  /** `incarnation` is undefined if the sender does not say. */
  onMessage(decoded: DecodedMessage, incarnation: number | undefined): void;
  /** A peer has just connected: it is there, and says where it listens, if it does. */
  onPeer(peer: NodeId, address: string): void;
  /** The connection of a peer is over, and no other has taken its place. */
  onPeerGone(peer: NodeId): void;
}

export class Incoming {
  readonly #settings: Settings;
  readonly #identity: TransportIdentity;
  readonly #handler: IncomingHandler;
  readonly #server: Server;
  /** Where this server listens; once it does, with the port that the system chose. */
  address: string;
  /** All connections that are not over. */
  readonly #all = new Set<IncomingConnection>();
  /** Those that have introduced themselves, by peer. */
  readonly #byPeer = new Map<NodeId, IncomingConnection>();

  constructor(settings: Settings, identity: TransportIdentity, handler: IncomingHandler) {
    this.#settings = settings;
    this.#identity = identity;
    this.#handler = handler;
    this.address = formatAddress(settings.listen.host, settings.listen.port);
    this.#server = createServer({ noDelay: true }, (socket) => this.#onSocket(socket));
  }

  /** Resolves when others can connect, rejects if that cannot be had, or if `close` comes first. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("listening", resolve);
      this.#server.once("error", reject);
      this.#server.once("close", () => reject(new Error("The transport was closed.")));
      this.#server.listen({ ...this.#settings.listen, exclusive: true });
    });
    const bound = this.#server.address();
    if (bound !== null && typeof bound !== "string") this.address = formatAddress(bound.address, bound.port);
    this.#server.on("error", (cause) => {
      this.warn({ code: "LISTENER_FAILED", reason: `${cause.message}.`, cause }, NOBODY, this.address);
    });
  }

  beat(): void {
    for (const connection of this.#all) connection.channel.beat();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#all) void connection.channel.end(null);
    await closed;
  }

  /** Why a server that says this is not wanted; null if it is. */
  check({ version, clusterId, from, to }: Handshake): Refusal | null {
    if (version > this.#settings.maxProtocolVersion || !isKnownVersion(version)) return "versionMismatch";
    if (from === NOBODY) throw new HandshakeError("it does not say who it is.");
    if (clusterId !== this.#identity.clusterId) return "clusterMismatch";
    if (to !== this.#identity.nodeId) return "wrongNode";
    if (from === this.#identity.nodeId) return "ownId";
    return null;
  }

  /** Ends the connection of a peer, which may come again. */
  end(peer: NodeId): void {
    void this.#byPeer.get(peer)?.channel.end(null);
  }

  onIntroduced(connection: IncomingConnection, { from: peer, address }: Handshake): void {
    const older = this.#byPeer.get(peer);
    this.#byPeer.set(peer, connection);
    if (older !== undefined) void older.channel.end({ code: "REPLACED", reason: "it connected again." });
    this.#handler.onPeer(peer, address);
  }

  onFrame(body: Uint8Array, isGiven: boolean, { peer, incarnation }: IncomingConnection): void {
    const decoded = decodeFrame(body, isGiven);
    const { from, to } = decoded.message;
    if (from !== peer || to !== this.#identity.nodeId) {
      throw new FrameError(`a message from server ${from} to server ${to} does not belong here.`);
    }
    this.#handler.onMessage(decoded, incarnation);
  }

  onEnd(connection: IncomingConnection, failure: Failure | null): void {
    this.#all.delete(connection);
    if (this.#byPeer.get(connection.peer) === connection) {
      this.#byPeer.delete(connection.peer);
      this.#handler.onPeerGone(connection.peer);
    }
    if (failure !== null) this.warn(failure, connection.peer, connection.address);
  }

  warn(failure: Failure, peer: NodeId, address: string): void {
    this.#settings.onWarning(warningOf(failure, "incoming", peer, address));
  }

  /** What this server says of itself. A stranger learns nothing by it. */
  answer(verdict: "accepted" | Refusal, { from: to, version: asked }: Handshake): Handshake {
    const { maxFrameBytes, maxProtocolVersion } = this.#settings;
    const version = verdict === "versionMismatch" ? maxProtocolVersion : asked;
    if (verdict !== "accepted") return { ...SILENT, version, verdict, to, maxFrameBytes };
    const { clusterId, nodeId } = this.#identity;
    return { ...SILENT, version, verdict, clusterId, from: nodeId, to, maxFrameBytes };
  }

  #onSocket(socket: Socket): void {
    const { maxIncomingConnections } = this.#settings;
    if (this.#all.size >= maxIncomingConnections) {
      // Of those that have not said who they are, the one that had the most time to do so makes room.
      const oldest = [...this.#all].find(({ peer }) => peer === NOBODY);
      const reason = `there are ${maxIncomingConnections} connections already.`;
      if (oldest === undefined) {
        this.warn({ code: "TOO_MANY_CONNECTIONS", reason }, NOBODY, remoteAddressOf(socket));
        socket.on("error", () => socket.destroy()).destroy();
        return;
      }
      this.#all.delete(oldest);
      void oldest.channel.end({ code: "TOO_MANY_CONNECTIONS", reason });
    }
    this.#all.add(new IncomingConnection(socket, this, this.#settings));
  }
}

class IncomingConnection {
  readonly channel: Channel;
  readonly address: string;
  /** Who is at the other end; nobody until it has introduced itself. */
  peer: NodeId = NOBODY;
  incarnation: number | undefined;
  readonly #incoming: Incoming;

  constructor(socket: Socket, incoming: Incoming, settings: Settings) {
    this.#incoming = incoming;
    this.address = remoteAddressOf(socket);
    this.channel = new Channel(socket, settings, {
      onHandshake: (hello) => this.#onHello(hello),
      onFrame: (body, isGiven) => incoming.onFrame(body, isGiven, this),
      onDrain: () => undefined,
      onEnd: (failure) => incoming.onEnd(this, failure),
    });
  }

  #onHello(hello: Handshake): void {
    if (hello.verdict !== "hello") throw new HandshakeError("it answers a question that nobody asked.");
    const refusal = this.#incoming.check(hello);
    if (refusal !== null) {
      // One that is newer comes again and speaks as this server does: no reason to worry anyone.
      if (refusal !== "versionMismatch" || hello.version < OLDEST_PROTOCOL_VERSION)
        this.#incoming.warn(refusalOf(refusal, hello), hello.from, this.address);
      this.channel.refuse(this.#incoming.answer(refusal, hello));
      return;
    }
    this.peer = hello.from;
    this.incarnation = hello.incarnation === 0 ? undefined : hello.incarnation;
    this.channel.introduce(this.#incoming.answer("accepted", hello));
    this.channel.establish();
    this.#incoming.onIntroduced(this, hello);
  }
}

/** Why this server refused another, in its own words. */
function refusalOf(refusal: Refusal, { version, to }: Handshake): Failure {
  switch (refusal) {
    case "versionMismatch":
      return {
        code: "VERSION_MISMATCH",
        reason: `it speaks protocol version ${version}, this server none before ${OLDEST_PROTOCOL_VERSION}.`,
      };
    case "clusterMismatch":
      return { code: "CLUSTER_MISMATCH", reason: "it belongs to another cluster." };
    case "wrongNode":
      return { code: "WRONG_NODE", reason: `it took this server for server ${to}.` };
    case "ownId":
      return { code: "OWN_ID", reason: "it says it is this very server." };
  }
}

function remoteAddressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined || remotePort === undefined ? "unknown" : formatAddress(remoteAddress, remotePort);
}

function decodeFrame(body: Uint8Array, isGiven: boolean): DecodedMessage {
  try {
    return decodeMessage(body, isGiven);
  } catch (error) {
    if (error instanceof CodecError) throw new FrameError(error.message, { cause: error });
    throw error;
  }
}
