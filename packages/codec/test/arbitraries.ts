/** Any message: for the properties of this package. */

import type { GroupId, PeerMessage, SnapshotChunk } from "@quorate/contracts";
import type { AppendEntries, PulledEntries } from "@quorate/core";
import fc from "fast-check";

const natural: fc.Arbitrary<number> = fc.oneof(fc.nat({ max: 200 }), fc.maxSafeNat());
const nodeId = natural.map((id) => Math.max(id, 1));
const bytes = fc.uint8Array({ maxLength: 300 });
const head = { from: nodeId, to: nodeId, term: natural };

/** Plain objects, with the prototype that `toStrictEqual` looks for. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const entryKind = fc.constantFrom("noop", "command", "membership");

const appendEntries: fc.Arbitrary<AppendEntries> = record({
  ...head,
  kind: fc.constant("appendEntries" as const),
  stream: natural,
  prevLogIndex: fc.oneof(
    fc.nat({ max: 200 }),
    fc.maxSafeNat().map((index) => Math.max(index - 1000, 0)),
  ),
  leaderCommit: natural,
  terms: fc.array(record({ term: natural, kind: entryKind, data: bytes }), { maxLength: 20 }),
  prevLogTerm: natural,
}).map(({ terms, prevLogTerm, ...rest }) => {
  // Terms never fall along a log, and none is above the leader's.
  const rising = [prevLogTerm, ...terms.map(({ term }) => term), rest.term].sort((a, b) => a - b);
  const entries = terms.map(({ kind, data }, i) => ({
    index: rest.prevLogIndex + 1 + i,
    term: rising[i + 1]!,
    kind,
    data,
  }));
  return { ...rest, prevLogTerm: rising[0]!, term: rising.at(-1)!, entries };
});

const pulledEntries: fc.Arbitrary<PulledEntries> = fc
  .tuple(appendEntries, natural, natural)
  .map(([{ stream, leaderCommit: _, ...rest }, lastLogIndex, lastLogTerm]) => {
    return { ...rest, kind: "pulledEntries", round: stream, lastLogIndex, lastLogTerm };
  });

const supportedLevels = record({ library: natural, application: natural });
const place = record({ index: natural, term: natural });

const snapshotChunk: fc.Arbitrary<SnapshotChunk> = record({
  ...head,
  kind: fc.constant("snapshotChunk" as const),
  stream: natural,
  place,
  checksum: natural,
  offset: fc.nat({ max: 200 }),
  header: bytes,
  data: bytes,
  more: fc.nat(),
}).map(({ more, header, ...rest }) => {
  const sizeBytes = rest.offset + rest.data.length + more;
  return { ...rest, sizeBytes, header: rest.offset === 0 ? header : new Uint8Array(0) };
});

/** One arbitrary for every kind: a new kind of message does not compile until it is here. */
export const messageByKind: { [Kind in PeerMessage["kind"]]: fc.Arbitrary<PeerMessage & { kind: Kind }> } = {
  requestPreVote: record({
    ...head,
    kind: fc.constant("requestPreVote"),
    round: natural,
    lastLogIndex: natural,
    lastLogTerm: natural,
  }),
  requestPreVoteResult: record({
    ...head,
    kind: fc.constant("requestPreVoteResult"),
    round: natural,
    voteGranted: fc.boolean(),
    lastLogIndex: natural,
    lastLogTerm: natural,
  }),
  pullEntries: record({
    ...head,
    kind: fc.constant("pullEntries"),
    round: natural,
    prevLogIndex: natural,
    prevLogTerm: natural,
  }),
  pulledEntries,
  requestVote: record({
    ...head,
    kind: fc.constant("requestVote"),
    isTransfer: fc.boolean(),
    round: natural,
    lastLogIndex: natural,
    lastLogTerm: natural,
  }),
  requestVoteResult: record({
    ...head,
    kind: fc.constant("requestVoteResult"),
    round: natural,
    voteGranted: fc.boolean(),
  }),
  appendEntries,
  appendEntriesResult: record({
    ...head,
    kind: fc.constant("appendEntriesResult"),
    stream: natural,
    success: fc.boolean(),
    matchIndex: natural,
    rejectedIndex: natural,
    hintIndex: natural,
    hintTerm: natural,
  }),
  heartbeat: record({
    ...head,
    kind: fc.constant("heartbeat"),
    round: natural,
    leaderCommit: natural,
    isQuiet: fc.boolean(),
  }),
  heartbeatResult: record({
    ...head,
    kind: fc.constant("heartbeatResult"),
    round: natural,
    supportedLevels,
    allowsQuiet: fc.boolean(),
  }),
  commit: record({ ...head, kind: fc.constant("commit"), leaderCommit: natural }),
  readIndex: record({ ...head, kind: fc.constant("readIndex"), readId: natural, isLease: fc.boolean() }),
  readIndexResult: record({
    ...head,
    kind: fc.constant("readIndexResult"),
    readId: natural,
    success: fc.boolean(),
    index: natural,
  }),
  propose: record({ ...head, kind: fc.constant("propose"), requestId: natural, data: bytes }),
  proposeResult: record({
    from: nodeId,
    to: nodeId,
    kind: fc.constant("proposeResult"),
    requestId: natural,
    outcome: fc.constantFrom("executed", "not-executed", "unknown"),
    data: bytes,
    code: fc.oneof(fc.constantFrom("", "NOT_LEADER", "OVERLOADED"), fc.string({ unit: "grapheme", maxLength: 20 })),
    leaderId: natural,
  }),
  timeoutNow: record({ ...head, kind: fc.constant("timeoutNow"), lastLogIndex: natural, lastLogTerm: natural }),
  snapshotChunk,
  snapshotChunkResult: record({
    ...head,
    kind: fc.constant("snapshotChunkResult"),
    stream: natural,
    place,
    nextOffset: natural,
    isAccepted: fc.boolean(),
  }),
  stateDigest: record({
    ...head,
    kind: fc.constant("stateDigest"),
    index: natural,
    isKnown: fc.boolean(),
    digest: natural,
  }),
  stateDigestRequest: record({ ...head, kind: fc.constant("stateDigestRequest"), index: natural }),
  stateDigestVerdict: record({ ...head, kind: fc.constant("stateDigestVerdict"), index: natural, digest: natural }),
  adminRequest: record({ ...head, kind: fc.constant("adminRequest"), requestId: natural, data: bytes }),
  adminResult: record({ from: nodeId, to: nodeId, kind: fc.constant("adminResult"), requestId: natural, data: bytes }),
  unwanted: record({ from: nodeId, to: nodeId, kind: fc.constant("unwanted"), index: natural, incarnation: natural }),
};

export const peerMessage: fc.Arbitrary<PeerMessage> = fc.oneof(...Object.values(messageByKind));
export const groupId: fc.Arbitrary<GroupId> = natural;
