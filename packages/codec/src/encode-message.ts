/**
 * Messages to bytes.
 *
 * ```
 * u8 version | u32 size of the header | header | payloads
 * ```
 *
 * The header is a flat array: group, kind, from, to, then the fields of that kind in the order of `decode-message.ts`.
 * If entries come along, it ends with what there is to say of them (see `entries.ts`). The payloads
 * stand behind the header as they are: no payload is ever copied or encoded here, so that those of a large append can
 * go from the log straight to the socket.
 */

import type { GroupId, PeerMessage } from "@quorate/contracts";
import { CodecError } from "./codec-error.js";
import { pushEntries, pushPayloads } from "./entries.js";
import { type HeaderField, packHeader } from "./header.js";
import { isKnownVersion, MESSAGE_KINDS, OUTCOMES, PROTOCOL_VERSION } from "./protocol.js";

/** The bytes before the header: version and size of the header. */
export const PREFIX_BYTES = 5;

/** A message as bytes: `chunks` one after the other. All but the first are the payloads of the message themselves. */
export interface EncodedMessage {
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/**
 * Encodes one message, in the format of `version`: the newest unless the other end does not know it. Throws a {@link CodecError} on one that no decoder would take: numbers that are no safe
 * integers from 0 up, entries that are not consecutive (PITFALLS F12, R19).
 */
export function encodeMessage(groupId: GroupId, message: PeerMessage, version = PROTOCOL_VERSION): EncodedMessage {
  if (!isKnownVersion(version)) throw new CodecError(`Messages of version ${version} cannot be written here.`);
  const fields: HeaderField[] = [groupId, MESSAGE_KINDS[message.kind], message.from, message.to];
  pushFields(fields, message, version);
  const head = packHeader(fields, PREFIX_BYTES);
  const headerSize = head.length - PREFIX_BYTES;
  head[0] = version;
  head[1] = headerSize >>> 24;
  head[2] = headerSize >>> 16;
  head[3] = headerSize >>> 8;
  head[4] = headerSize;

  const chunks = [head];
  let sizeBytes = head.length;
  if (message.kind === "appendEntries" || message.kind === "pulledEntries") {
    sizeBytes += pushPayloads(chunks, message.entries);
  } else if (message.kind === "snapshotChunk") {
    for (const data of [message.header, message.data]) {
      if (data.length > 0) chunks.push(data);
      sizeBytes += data.length;
    }
  } else if ("data" in message) {
    if (message.data.length > 0) chunks.push(message.data);
    sizeBytes += message.data.length;
  }
  return { chunks, sizeBytes };
}

function pushFields(fields: HeaderField[], message: PeerMessage, version: number): void {
  switch (message.kind) {
    case "requestPreVote":
      fields.push(message.term, message.round, message.lastLogIndex, message.lastLogTerm);
      return;
    case "requestVote":
      fields.push(message.term, message.round, message.lastLogIndex, message.lastLogTerm, message.isTransfer);
      return;
    case "timeoutNow":
      fields.push(message.term, message.lastLogIndex, message.lastLogTerm);
      return;
    case "requestPreVoteResult":
      fields.push(message.term, message.round, message.voteGranted, message.lastLogIndex, message.lastLogTerm);
      return;
    case "requestVoteResult":
      fields.push(message.term, message.round, message.voteGranted);
      return;
    case "pullEntries":
      fields.push(message.term, message.round, message.prevLogIndex, message.prevLogTerm);
      return;
    case "pulledEntries":
      fields.push(message.term, message.round, message.prevLogIndex, message.prevLogTerm);
      fields.push(message.lastLogIndex, message.lastLogTerm);
      pushEntries(fields, message, version);
      return;
    case "appendEntries":
      fields.push(message.term, message.stream, message.prevLogIndex, message.prevLogTerm, message.leaderCommit);
      pushEntries(fields, message, version);
      return;
    case "appendEntriesResult":
      fields.push(message.term, message.stream, message.success);
      fields.push(message.matchIndex, message.rejectedIndex, message.hintIndex, message.hintTerm);
      return;
    case "heartbeat":
      fields.push(message.term, message.round, message.leaderCommit);
      if (version >= 4) fields.push(message.isQuiet);
      return;
    case "heartbeatResult":
      fields.push(message.term, message.round);
      if (version >= 3) fields.push(message.supportedLevels.library, message.supportedLevels.application);
      if (version >= 4) fields.push(message.allowsQuiet);
      return;
    case "commit":
      fields.push(message.term, message.leaderCommit);
      return;
    case "readIndex":
      fields.push(message.term, message.readId, message.isLease);
      return;
    case "readIndexResult":
      fields.push(message.term, message.readId, message.success, message.index);
      return;
    case "propose":
      fields.push(message.term, message.requestId);
      return;
    case "proposeResult":
      fields.push(message.requestId, OUTCOMES[message.outcome], message.code, message.leaderId);
      return;
    case "snapshotChunk":
      fields.push(message.term, message.stream, message.place.index, message.place.term);
      fields.push(message.sizeBytes, message.checksum, message.offset, message.header.length);
      return;
    case "snapshotChunkResult":
      fields.push(message.term, message.stream, message.place.index, message.place.term);
      fields.push(message.nextOffset, message.isAccepted);
      return;
    case "stateDigest":
      fields.push(message.term, message.index, message.isKnown, message.digest);
      return;
    case "stateDigestRequest":
      fields.push(message.term, message.index);
      return;
    case "stateDigestVerdict":
      fields.push(message.term, message.index, message.digest);
      return;
    case "adminRequest":
      fields.push(message.term, message.requestId);
      return;
    case "adminResult":
      fields.push(message.requestId);
      return;
    case "unwanted":
      fields.push(message.index, message.incarnation);
      return;
    default:
      throw new CodecError(`No message is of the kind ${(message satisfies never as PeerMessage).kind}.`);
  }
}
