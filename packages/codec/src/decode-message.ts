/**
 * Bytes to messages. Whatever comes in here may have been made by anybody: it is either a message that this version
 * could have sent, to the last byte, or a {@link CodecError} (PITFALLS F12, R19, O13).
 *
 * All payload bytes of a message lie in one piece of memory of their size, which its entries share. They are copied there,
 * for the frame may be a view of a socket's buffer, which must be neither kept alive by a long-lived entry nor able to
 * change one (PITFALLS F11); unless the memory of the frame is given to the message.
 */

import type { GroupId, PeerMessage, ProposeRequest, ProposeResult, SnapshotChunk } from "@quorate/contracts";
import type { AppendEntries, EntryId, FeatureLevels, PulledEntries } from "@quorate/core";
import { CodecError } from "./codec-error.js";
import { PREFIX_BYTES } from "./encode-message.js";
import { readEntries } from "./entries.js";
import { type HeaderReader, unpackHeader } from "./header.js";
import { isKnownVersion, MESSAGE_KINDS, OUTCOMES, PROTOCOL_VERSION, wordsOf } from "./protocol.js";

export interface DecodedMessage {
  readonly groupId: GroupId;
  readonly message: PeerMessage;
}

const KIND_WORDS = wordsOf<PeerMessage["kind"]>(MESSAGE_KINDS);
const OUTCOME_WORDS = wordsOf<ProposeResult["outcome"]>(OUTCOMES);
const NO_BYTES = new Uint8Array(0);
/** What was supported before servers said what they support. */
const FIRST_LEVELS: FeatureLevels = { library: 1, application: 1 };

/** Decodes the one message that fills `frame`; `isGiven` says that nobody else uses its memory, from now on. */
export function decodeMessage(frame: Uint8Array, isGiven = false): DecodedMessage {
  const [version, a, b, c, d] = frame;
  if (a === undefined || b === undefined || c === undefined || d === undefined) {
    throw new CodecError("The frame is too short for a message.");
  }
  if (version === undefined || !isKnownVersion(version)) {
    throw new CodecError(`The message is of protocol version ${version}; this is version ${PROTOCOL_VERSION}.`);
  }
  const payloadStart = PREFIX_BYTES + a * 0x1000000 + b * 0x10000 + c * 0x100 + d;
  if (payloadStart > frame.length) throw new CodecError("The header is longer than the frame.");

  const header = unpackHeader(frame.subarray(PREFIX_BYTES, payloadStart));
  const groupId = header.natural("groupId");
  const kind = KIND_WORDS.get(header.natural("kind"));
  if (kind === undefined) throw new CodecError("The kind of the message is not known.");
  // Not `subarray`: that of a Node `Buffer` is one.
  const payload = new Uint8Array(frame.buffer, frame.byteOffset + payloadStart, frame.length - payloadStart);
  const message = readMessage(kind, header, isGiven ? payload : copyOf(payload), version);
  if (!header.isAtEnd) throw new CodecError(`The header of ${kind} has too many fields.`);
  return { groupId, message };
}

function readMessage(
  kind: PeerMessage["kind"],
  header: HeaderReader,
  payload: Uint8Array,
  version: number,
): PeerMessage {
  const from = header.nodeId("from");
  const to = header.nodeId("to");
  switch (kind) {
    case "appendEntries":
      return readAppendEntries(header, from, to, payload, version);
    case "pulledEntries":
      return readPulledEntries(header, from, to, payload, version);
    case "propose":
      return readPropose(header, from, to, payload);
    case "proposeResult":
      return readProposeResult(header, from, to, payload);
    case "snapshotChunk":
      return readSnapshotChunk(header, from, to, payload);
    case "adminRequest": {
      const term = header.natural("term");
      const requestId = header.natural("requestId");
      return { kind, from, to, term, requestId, data: payload };
    }
    case "adminResult":
      return { kind, from, to, requestId: header.natural("requestId"), data: payload };
    default:
      if (payload.length > 0) throw new CodecError(`${kind} carries no payload, but the frame goes on.`);
      if (kind === "unwanted") {
        const index = header.natural("index");
        return { kind, from, to, index, incarnation: header.natural("incarnation") };
      }
      return readSmallMessage(kind, header, from, to, version);
  }
}

/** What carries a payload, and what has no term. */
type KindReadElsewhere =
  | "appendEntries"
  | "pulledEntries"
  | "propose"
  | "proposeResult"
  | "snapshotChunk"
  | "adminRequest"
  | "adminResult"
  | "unwanted";

function readSmallMessage(
  kind: Exclude<PeerMessage["kind"], KindReadElsewhere>,
  header: HeaderReader,
  from: number,
  to: number,
  version: number,
): PeerMessage {
  const term = header.natural("term");
  switch (kind) {
    case "requestPreVote": {
      const round = header.natural("round");
      const lastLogIndex = header.natural("lastLogIndex");
      return { kind, from, to, term, round, lastLogIndex, lastLogTerm: header.natural("lastLogTerm") };
    }
    case "requestVote": {
      const round = header.natural("round");
      const lastLogIndex = header.natural("lastLogIndex");
      const lastLogTerm = header.natural("lastLogTerm");
      return { kind, from, to, term, round, lastLogIndex, lastLogTerm, isTransfer: header.flag("isTransfer") };
    }
    case "timeoutNow": {
      const lastLogIndex = header.natural("lastLogIndex");
      return { kind, from, to, term, lastLogIndex, lastLogTerm: header.natural("lastLogTerm") };
    }
    case "snapshotChunkResult": {
      const stream = header.natural("stream");
      const place = readPlace(header);
      const nextOffset = header.natural("nextOffset");
      return { kind, from, to, term, stream, place, nextOffset, isAccepted: header.flag("isAccepted") };
    }
    case "requestPreVoteResult": {
      const round = header.natural("round");
      const voteGranted = header.flag("voteGranted");
      const lastLogIndex = header.natural("lastLogIndex");
      return { kind, from, to, term, round, voteGranted, lastLogIndex, lastLogTerm: header.natural("lastLogTerm") };
    }
    case "pullEntries": {
      const round = header.natural("round");
      const prevLogIndex = header.natural("prevLogIndex");
      return { kind, from, to, term, round, prevLogIndex, prevLogTerm: header.natural("prevLogTerm") };
    }
    case "requestVoteResult":
      return { kind, from, to, term, round: header.natural("round"), voteGranted: header.flag("voteGranted") };
    case "appendEntriesResult": {
      const stream = header.natural("stream");
      const success = header.flag("success");
      const matchIndex = header.natural("matchIndex");
      const rejectedIndex = header.natural("rejectedIndex");
      const hintIndex = header.natural("hintIndex");
      const hintTerm = header.natural("hintTerm");
      return { kind, from, to, term, stream, success, matchIndex, rejectedIndex, hintIndex, hintTerm };
    }
    case "heartbeat": {
      const round = header.natural("round");
      const leaderCommit = header.natural("leaderCommit");
      return { kind, from, to, term, round, leaderCommit, isQuiet: version >= 4 && header.flag("isQuiet") };
    }
    case "heartbeatResult": {
      const round = header.natural("round");
      const supportedLevels = version >= 3 ? readLevels(header) : FIRST_LEVELS;
      const allowsQuiet = version >= 4 && header.flag("allowsQuiet");
      return { kind, from, to, term, round, supportedLevels, allowsQuiet };
    }
    case "commit":
      return { kind, from, to, term, leaderCommit: header.natural("leaderCommit") };
    case "readIndex":
      return { kind, from, to, term, readId: header.natural("readId"), isLease: header.flag("isLease") };
    case "readIndexResult": {
      const readId = header.natural("readId");
      const success = header.flag("success");
      return { kind, from, to, term, readId, success, index: header.natural("index") };
    }
    case "stateDigest": {
      const index = header.natural("index");
      const isKnown = header.flag("isKnown");
      return { kind, from, to, term, index, isKnown, digest: header.natural("digest") };
    }
    case "stateDigestRequest":
      return { kind, from, to, term, index: header.natural("index") };
    case "stateDigestVerdict": {
      const index = header.natural("index");
      return { kind, from, to, term, index, digest: header.natural("digest") };
    }
    default:
      throw new CodecError(`No message is of the kind ${String(kind satisfies never)}.`);
  }
}

function readAppendEntries(
  header: HeaderReader,
  from: number,
  to: number,
  payload: Uint8Array,
  version: number,
): AppendEntries {
  const term = header.natural("term");
  const stream = header.natural("stream");
  const prevLogIndex = header.natural("prevLogIndex");
  const prevLogTerm = header.natural("prevLogTerm");
  const leaderCommit = header.natural("leaderCommit");
  const prev = { index: prevLogIndex, term: prevLogTerm };
  const entries = readEntries(header, term, prev, payload, version);
  return { kind: "appendEntries", from, to, term, stream, prevLogIndex, prevLogTerm, leaderCommit, entries };
}

function readPulledEntries(
  header: HeaderReader,
  from: number,
  to: number,
  payload: Uint8Array,
  version: number,
): PulledEntries {
  const term = header.natural("term");
  const round = header.natural("round");
  const prevLogIndex = header.natural("prevLogIndex");
  const prevLogTerm = header.natural("prevLogTerm");
  const lastLogIndex = header.natural("lastLogIndex");
  const lastLogTerm = header.natural("lastLogTerm");
  const prev = { index: prevLogIndex, term: prevLogTerm };
  const entries = readEntries(header, term, prev, payload, version);
  return {
    kind: "pulledEntries",
    from,
    to,
    term,
    round,
    prevLogIndex,
    prevLogTerm,
    lastLogIndex,
    lastLogTerm,
    entries,
  };
}

function readSnapshotChunk(header: HeaderReader, from: number, to: number, payload: Uint8Array): SnapshotChunk {
  const term = header.natural("term");
  const stream = header.natural("stream");
  const place = readPlace(header);
  const sizeBytes = header.natural("size of the snapshot");
  const checksum = header.natural("checksum");
  const offset = header.natural("offset");
  const headerBytes = header.natural("size of the snapshot's header");
  if (headerBytes > payload.length) throw new CodecError("The header of a snapshot is longer than its chunk.");
  if (headerBytes > 0 && offset > 0) throw new CodecError("Only the first chunk of a snapshot has its header.");
  const data = payload.subarray(headerBytes);
  if (offset + data.length > sizeBytes) throw new CodecError("A chunk reaches beyond the end of its snapshot.");
  const snapshotHeader = payload.subarray(0, headerBytes);
  return {
    kind: "snapshotChunk",
    from,
    to,
    term,
    stream,
    place,
    sizeBytes,
    checksum,
    offset,
    header: snapshotHeader,
    data,
  };
}

function readLevels(header: HeaderReader): FeatureLevels {
  const library = header.natural("feature level of the library");
  return { library, application: header.natural("feature level of the application") };
}

function readPlace(header: HeaderReader): EntryId {
  const index = header.natural("index of a snapshot");
  return { index, term: header.natural("term of a snapshot") };
}

function readPropose(header: HeaderReader, from: number, to: number, data: Uint8Array): ProposeRequest {
  return { kind: "propose", from, to, term: header.natural("term"), requestId: header.natural("requestId"), data };
}

function readProposeResult(header: HeaderReader, from: number, to: number, data: Uint8Array): ProposeResult {
  const requestId = header.natural("requestId");
  const outcome = OUTCOME_WORDS.get(header.natural("outcome"));
  if (outcome === undefined) throw new CodecError("The outcome of a proposal is not known.");
  const code = header.text("code");
  return { kind: "proposeResult", from, to, requestId, outcome, data, code, leaderId: header.natural("leaderId") };
}

function copyOf(payload: Uint8Array): Uint8Array {
  return payload.length === 0 ? NO_BYTES : new Uint8Array(payload);
}
