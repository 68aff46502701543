/**
 * The numbers that stand for words on the wire. A number, once given, is never given again: what an older version says
 * must not come to mean something else (PITFALLS O7).
 */

import type { PeerMessage, ProposeResult } from "@quorate/contracts";
import type { EntryKind } from "@quorate/core";
import { CodecError } from "./codec-error.js";

/**
 * The newest version of the message format: the first byte of every message. Two ends of a connection speak the newest
 * that both know, which their transport finds out (PITFALLS O7).
 *
 * | version | what is new |
 * |---------|-------------|
 * | 2       | members, snapshots, leases, sessions: other messages, and another handshake over TCP; 1 is not spoken any more |
 * | 3       | the result of a heartbeat says which feature levels are supported; before it was 1 |
 * | 4       | what a message says of its entries, it says in runs; heartbeats and their results speak of quiets |
 */
export const PROTOCOL_VERSION = 4;

/** The oldest version that is still spoken. */
export const OLDEST_PROTOCOL_VERSION = 2;

/** Whether messages of this version can be read and written here. */
export function isKnownVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= OLDEST_PROTOCOL_VERSION && version <= PROTOCOL_VERSION;
}

export const MESSAGE_KINDS = {
  requestPreVote: 1,
  requestPreVoteResult: 2,
  requestVote: 3,
  requestVoteResult: 4,
  appendEntries: 5,
  appendEntriesResult: 6,
  heartbeat: 7,
  heartbeatResult: 8,
  commit: 9,
  readIndex: 10,
  readIndexResult: 11,
  propose: 12,
  proposeResult: 13,
  timeoutNow: 14,
  snapshotChunk: 15,
  snapshotChunkResult: 16,
  stateDigest: 17,
  stateDigestRequest: 18,
  stateDigestVerdict: 19,
  pullEntries: 20,
  pulledEntries: 21,
  adminRequest: 22,
  adminResult: 23,
  unwanted: 24,
} as const satisfies Record<PeerMessage["kind"], number>;

export const ENTRY_KINDS = { noop: 1, command: 2, membership: 3 } as const satisfies Record<EntryKind, number>;

export const OUTCOMES = { executed: 1, "not-executed": 2, unknown: 3 } as const satisfies Record<
  ProposeResult["outcome"],
  number
>;

/** The way back from numbers to words. */
export function wordsOf<Word extends string>(numbers: Readonly<Record<Word, number>>): ReadonlyMap<number, Word> {
  const words = new Map<number, Word>();
  for (const word in numbers) words.set(numbers[word], word);
  return words;
}

const ENTRY_KIND_WORDS = wordsOf<EntryKind>(ENTRY_KINDS);

export function entryKindOf(code: number): EntryKind {
  const kind = ENTRY_KIND_WORDS.get(code);
  if (kind === undefined) throw new CodecError(`No kind of entry has the number ${code}.`);
  return kind;
}
