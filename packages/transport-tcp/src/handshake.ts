/**
 * The first words on a connection, one from each end: who speaks, to whom, of which cluster (PITFALLS O1, O12).
 *
 * ```
 * u32 magic | u16 version | u16 verdict | u64 from | u64 to | u64 incarnation | u32 maxFrameBytes
 * u16 size | u16 size | cluster id | address | u32 checksum
 * ```
 *
 * The dialler speaks first; the other end answers with its verdict. Magic, version and verdict keep their places in
 * all versions, so that servers of any two versions can tell each other that they do not match (PITFALLS O7). Whoever
 * is refused because of its version, and knows the one that it is told instead, dials again with that.
 *
 * The one who is dialled never says its own cluster id to a stranger. Knowing the cluster id is what makes a server
 * one of the cluster here, and all there is: whoever can listen on the network can learn it. Keep the ports of a
 * cluster on a network that only its servers reach (PITFALLS O14).
 */

import { crc32 } from "node:zlib";
import { isKnownVersion } from "@quorate/codec";
import { NOBODY, type NodeId } from "@quorate/core";

const MAGIC = 0x51_55_4f_52; // "QUOR"
const FIXED_BYTES = 40;
const CHECKSUM_BYTES = 4;

export const MAX_CLUSTER_ID_BYTES = 255;
/** A name of the domain name system, and a port. */
const MAX_ADDRESS_BYTES = 262;
export const MAX_HANDSHAKE_BYTES = FIXED_BYTES + MAX_CLUSTER_ID_BYTES + MAX_ADDRESS_BYTES + CHECKSUM_BYTES;

/** What each end says. A number, once given, keeps its meaning in all versions. */
const VERDICTS = { hello: 0, accepted: 1, versionMismatch: 2, clusterMismatch: 3, wrongNode: 4, ownId: 5 } as const;

export type Verdict = keyof typeof VERDICTS;
/** The verdicts that end a connection. */
export type Refusal = Exclude<Verdict, "hello" | "accepted">;

export interface Handshake {
  /**
   * The protocol version that is to be spoken; in a refusal because of it, the newest that this end speaks. If it is not
   * one that this end knows, only `verdict` means something besides.
   */
  readonly version: number;
  readonly verdict: Verdict;
  readonly clusterId: string;
  readonly from: NodeId;
  readonly to: NodeId;
  /** Which life of that server: see `TransportIdentity`. 0 if it does not say. */
  readonly incarnation: number;
  /** Where this end listens, as others reach it; empty if it does not say. */
  readonly address: string;
  /** The largest frame that this end takes. */
  readonly maxFrameBytes: number;
}

/** Bytes that are no handshake. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

export function encodeHandshake(handshake: Handshake): Buffer {
  const { version, verdict, from, to, incarnation, maxFrameBytes } = handshake;
  const name = Buffer.from(handshake.clusterId, "utf8");
  const address = Buffer.from(handshake.address, "utf8");
  const bytes = Buffer.alloc(FIXED_BYTES + name.length + address.length + CHECKSUM_BYTES);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt16BE(version, 4);
  bytes.writeUInt16BE(VERDICTS[verdict], 6);
  bytes.writeBigUInt64BE(BigInt(from), 8);
  bytes.writeBigUInt64BE(BigInt(to), 16);
  bytes.writeBigUInt64BE(BigInt(incarnation), 24);
  bytes.writeUInt32BE(maxFrameBytes, 32);
  bytes.writeUInt16BE(name.length, 36);
  bytes.writeUInt16BE(address.length, 38);
  name.copy(bytes, FIXED_BYTES);
  address.copy(bytes, FIXED_BYTES + name.length);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -CHECKSUM_BYTES)), bytes.length - CHECKSUM_BYTES);
  return bytes;
}

/** What a handshake says to a stranger, its verdict aside. */
export const SILENT = {
  clusterId: "",
  from: NOBODY,
  to: NOBODY,
  incarnation: 0,
  address: "",
  maxFrameBytes: 0,
} as const satisfies Partial<Handshake>;

export interface DecodedHandshake {
  readonly handshake: Handshake;
  readonly sizeBytes: number;
}

/**
 * Decodes the handshake at the start of `bytes`. Null while there is too little of it. Throws a
 * {@link HandshakeError} as soon as it is clear that none will come.
 */
export function decodeHandshake(bytes: Buffer): DecodedHandshake | null {
  if (bytes.length < 4) return null;
  if (bytes.readUInt32BE(0) !== MAGIC) throw new HandshakeError("the handshake does not start as one.");
  if (bytes.length < 8) return null;
  const version = bytes.readUInt16BE(4);
  const verdict = verdictOf(bytes.readUInt16BE(6));
  if (!isKnownVersion(version)) {
    return { handshake: { ...SILENT, version, verdict }, sizeBytes: bytes.length };
  }
  if (bytes.length < FIXED_BYTES) return null;
  const nameBytes = bytes.readUInt16BE(36);
  const addressBytes = bytes.readUInt16BE(38);
  const nameEnd = FIXED_BYTES + nameBytes;
  const addressEnd = nameEnd + addressBytes;
  const sizeBytes = addressEnd + CHECKSUM_BYTES;
  if (nameBytes > MAX_CLUSTER_ID_BYTES || addressBytes > MAX_ADDRESS_BYTES)
    throw new HandshakeError("the handshake is too long.");
  if (bytes.length < sizeBytes) return null;
  if (crc32(bytes.subarray(0, addressEnd)) !== bytes.readUInt32BE(addressEnd)) {
    throw new HandshakeError("the checksum of the handshake is wrong.");
  }
  const clusterId = bytes.toString("utf8", FIXED_BYTES, nameEnd);
  const address = bytes.toString("utf8", nameEnd, addressEnd);
  const from = safeIntegerAt(bytes, 8);
  const to = safeIntegerAt(bytes, 16);
  const incarnation = safeIntegerAt(bytes, 24);
  const maxFrameBytes = bytes.readUInt32BE(32);
  return { handshake: { version, verdict, clusterId, from, to, incarnation, address, maxFrameBytes }, sizeBytes };
}

function safeIntegerAt(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigUInt64BE(at));
  if (!Number.isSafeInteger(value)) throw new HandshakeError("an id is no safe integer.");
  return value;
}

function verdictOf(code: number): Verdict {
  for (const verdict of Object.keys(VERDICTS) as Verdict[]) {
    if (VERDICTS[verdict] === code) return verdict;
  }
  throw new HandshakeError(`the verdict ${code} is not known.`);
}
