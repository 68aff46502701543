/**
 * Transport: how servers reach each other.
 *
 * Raft needs little of it: a message arrives unchanged, or it does not arrive. It may arrive late, twice, or after a
 * younger one; the core copes. What it must never do is arrive damaged, from a server it does not come from, or from
 * another cluster.
 */

import type { EntryId, Index, Message, NodeId, Term } from "@quorate/core";

/** Which Raft group a message belongs to. One connection carries all groups of a pair of servers. */
export type GroupId = number;

/**
 * A proposal that a follower passes on to the leader, which passes it on to nobody (PITFALLS K7). Whoever gets no
 * answer asks again, as another request: its session sees to it that the command is executed once.
 */
export interface ProposeRequest {
  readonly kind: "propose";
  readonly from: NodeId;
  readonly to: NodeId;
  /**
   * The term whose leader is asked. A leader of another term refuses: it alone remembers which requests of its term it
   * has seen, so that a copy which comes late or twice does not make a refusal untrue (PITFALLS K6).
   */
  readonly term: Term;
  /** Chosen by the asker, unique in the life of its process. */
  readonly requestId: number;
  /** The command, in its envelope. The receiver writes the time into it: these bytes are in no other message. */
  readonly data: Uint8Array;
}

/** The answer to a {@link ProposeRequest}. */
export interface ProposeResult {
  readonly kind: "proposeResult";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly requestId: number;
  /** `executed` carries the state machine's answer; the other two are the outcomes of PITFALLS K6. */
  readonly outcome: "executed" | "not-executed" | "unknown";
  /** The encoded answer when executed, otherwise empty. */
  readonly data: Uint8Array;
  /** Why it was not executed or is unknown: a `RaftErrorCode`; empty when executed. */
  readonly code: string;
  /** The leader that the answering server knows of, or 0: a hint where to try next, never a proof. */
  readonly leaderId: NodeId;
}

/**
 * A piece of a snapshot (InstallSnapshot, §7). Each names the whole snapshot that it belongs to, so that pieces of two
 * are never mixed (PITFALLS S10). Sent by the leader of `term`, as its order `stream`.
 */
export interface SnapshotChunk {
  readonly kind: "snapshotChunk";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly stream: number;
  /** The last entry whose effect it contains. */
  readonly place: EntryId;
  /** Of the whole body: size in bytes, and CRC-32. */
  readonly sizeBytes: number;
  readonly checksum: number;
  /** Where in the body `data` begins; at 0, `header` comes along. */
  readonly offset: number;
  /** The header of the snapshot in the chunk at offset 0, otherwise empty. */
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** The answer to a {@link SnapshotChunk}: what is wanted next, so that a broken transfer goes on where it was. */
export interface SnapshotChunkResult {
  readonly kind: "snapshotChunkResult";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly stream: number;
  readonly place: EntryId;
  /** All before it is here; the size of the body once it is whole and being installed. */
  readonly nextOffset: number;
  /** False if this server cannot take it: it has not the room, say. The transfer ends then. */
  readonly isAccepted: boolean;
}

/** The digest of what a server's state machine has answered up to `index`, for its leader to compare (PITFALLS O8). */
export interface StateDigest {
  readonly kind: "stateDigest";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly index: Index;
  /** False if this server does not know it: it has not got there, or was there too long ago. */
  readonly isKnown: boolean;
  /** A whole number below 2⁵³; 0 if it is not known. */
  readonly digest: number;
}

/** The leader asks for the digest at `index`; answered by a {@link StateDigest}. */
export interface StateDigestRequest {
  readonly kind: "stateDigestRequest";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly index: Index;
}

/** The digest at `index` on which a majority agrees: whoever has another there has to stop. */
export interface StateDigestVerdict {
  readonly kind: "stateDigestVerdict";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: Term;
  readonly index: Index;
  readonly digest: number;
}

/**
 * An order of an operator, a change of members say, that a server passes on to the leader. Passed on once, never again.
 * What it may say is the runtime's concern.
 */
export interface AdminRequest {
  readonly kind: "adminRequest";
  readonly from: NodeId;
  readonly to: NodeId;
  /** The term whose leader is asked. */
  readonly term: Term;
  /** Chosen by the asker, unique in the life of its process. */
  readonly requestId: number;
  readonly data: Uint8Array;
}

/** The answer to an {@link AdminRequest}. */
export interface AdminResult {
  readonly kind: "adminResult";
  readonly from: NodeId;
  readonly to: NodeId;
  readonly requestId: number;
  readonly data: Uint8Array;
}

/**
 * To a server that takes part without belonging to the cluster: it was removed, for good (PITFALLS O11, M28), or it has
 * another disk than the member whose number it bears (M18).
 */
export interface Unwanted {
  readonly kind: "unwanted";
  readonly from: NodeId;
  readonly to: NodeId;
  /** The index of the configuration that says so. */
  readonly index: Index;
  /** The incarnation that is meant, if only that one is; 0 if the server was removed. */
  readonly incarnation: number;
}

/** Everything that servers send each other. */
export type PeerMessage =
  | Message
  | ProposeRequest
  | ProposeResult
  | SnapshotChunk
  | SnapshotChunkResult
  | StateDigest
  | StateDigestRequest
  | StateDigestVerdict
  | AdminRequest
  | AdminResult
  | Unwanted;

/** Whether the message is between cores; the others are between the runtimes around them. */
export function isCoreMessage(message: PeerMessage): message is Message {
  switch (message.kind) {
    case "propose":
    case "proposeResult":
    case "snapshotChunk":
    case "snapshotChunkResult":
    case "stateDigest":
    case "stateDigestRequest":
    case "stateDigestVerdict":
    case "adminRequest":
    case "adminResult":
    case "unwanted":
      return false;
    default:
      return true;
  }
}

/** The messages by which servers compare their state machines. */
export type StateCheckMessage = StateDigest | StateDigestRequest | StateDigestVerdict;

export function isStateCheckMessage(message: PeerMessage): message is StateCheckMessage {
  return message.kind.startsWith("stateDigest");
}

/** Who is speaking: sent in every handshake, and checked at both ends (PITFALLS O1, O12). */
export interface TransportIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Minted with the server's storage (PITFALLS M17, M18). Default: not said. */
  readonly incarnation?: number | undefined;
}

/**
 * Takes in one message, from a server of `incarnation` if its transport says which. Must not throw, and must not keep the
 * sender waiting.
 */
export type MessageReceiver = (message: PeerMessage, incarnation?: number) => void;

/**
 * Told that a connection with `peer` has ended: it may have crashed, or the way to it may be broken. A hint: it may be
 * wrong, come late or more than once, or not at all. Must not throw, and must not keep the transport waiting.
 */
export type PeerLossReceiver = (peer: NodeId) => void;

/** What a transport says of itself, for `status()`. */
export interface TransportStatus {
  /** The peers to which messages can be sent right now. */
  readonly connected: readonly NodeId[];
  /** Messages dropped since the start, because a queue was full or a peer was away. */
  readonly droppedMessages: number;
}

export interface Transport {
  /**
   * Starts to listen, as `identity`. Resolves when peers can connect; rejects with a `TransportError` if that cannot
   * be had (the address is taken, say). Called once.
   */
  open(identity: TransportIdentity): Promise<void>;

  /**
   * Says where each peer listens; replaces what was said before. Connections to peers that are no longer named, or
   * are named with another address, end. The own id may be among them and is ignored.
   *
   * A server of the cluster that is not named but has connected to this one can be sent to as well, as long as it stays
   * connected: a new server knows nobody yet, and one that lags behind does not know the newest (PITFALLS M11, O11). So
   * can one that is named where it is not: whoever lags behind knows the addresses of before.
   */
  setPeers(peers: ReadonlyMap<NodeId, string>): void;

  /**
   * Hands every message of `groupId` to `receive`, until {@link unregister}. A message for a group that nobody
   * registered is dropped. Messages are handed over only between the resolution of `open` and the call of `close`.
   *
   * Within the same bounds `onPeerLost` is told when a peer has gone that was connected, as soon as the transport knows:
   * a server that was killed is told from one that has nothing to say (see {@link PeerLossReceiver}).
   */
  register(groupId: GroupId, receive: MessageReceiver, onPeerLost?: PeerLossReceiver): void;
  unregister(groupId: GroupId): void;

  /**
   * Sends `message` to `message.to`, if that can be done soon. Never blocks, never throws, and keeps no reference that
   * it writes to. What cannot be sent (peer away or unknown, queue full, message too large) is dropped and counted:
   * Raft asks again. Messages of one kind to one peer keep their order while the connection lasts. Entries in bulk
   * never delay heartbeats, votes and results by more than one frame (PITFALLS F9).
   */
  send(groupId: GroupId, message: PeerMessage): void;

  status(): TransportStatus;

  /** Stops listening, ends all connections, leaves no handle behind. May be called twice, and before `open`. */
  close(): Promise<void>;
}
