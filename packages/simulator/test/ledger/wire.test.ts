/** Lies on the wire, each of which the ledger must catch. */

import type { Message, PulledEntries } from "@quorate/core";
import { it } from "vitest";
import { command, Stage } from "./stage.js";

/** n1 leads term 2 with the log [1@1, 2@2, 3@2]; n2 has it too, and both know that it is committed. */
function committed(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1, "a");
  stage.replicate(1, 2);
  stage.commit(1, 3);
  stage.commit(2, 3);
  stage.expectNothing();
  return stage;
}

it("P1: acknowledges what is not on its disk yet", () => {
  const stage = committed();
  const entry = stage.append(1);
  stage.turn(2, { write: { append: [entry] } });
  stage.acknowledge(2, 1, 2, 4);
  stage.expect(
    "acknowledgement",
    /n1 has entry 4 of term 2; the disk of n2 holds a log that ends with entry 3 of term 2, since \d+ ms/,
    /n2 acknowledges everything up to entry 4 to n1 in term 2, at \d+ ms/,
  );
});

it("R9: acknowledges what another leader's log had there", () => {
  const stage = committed();
  stage.append(1, "lost");
  stage.elect(2, 3, [3]);
  stage.replicate(2, 3);
  // n1 keeps its own entry 4, and says yes to that of the new leader.
  stage.turn(1, { write: { hardState: { currentTerm: 3, votedFor: 0 } } }, { role: "follower" });
  stage.store(1);
  stage.acknowledge(1, 2, 3, 4);
  stage.expect(
    "acknowledgement",
    /n2 has entry 4 of term 3; the disk of n1 holds entry 4 of term 2 in its place/,
    /n1/,
  );
});

it("R9: acknowledges more than the leader has", () => {
  const stage = committed();
  stage.acknowledge(2, 1, 2, 9);
  stage.expect("acknowledgement", /The log of n1, leader of term 2, ends with entry 3/, /n2 acknowledges .* entry 9/);
});

it("P2: acknowledges before its term is durable", () => {
  const stage = new Stage(5);
  stage.elect(1, 2, [2, 3]);
  stage.elect(3, 3, [4, 5]);
  stage.turn(2, { write: { hardState: { currentTerm: 3, votedFor: 0 } } });
  stage.acknowledge(2, 3, 3, 1);
  stage.expect("acknowledgement", /the disk of n2 holds term 2, since/, /n2 acknowledges .* to n3 in term 3/);
});

it("acknowledges to a server that does not lead", () => {
  const stage = committed();
  stage.acknowledge(2, 3, 2, 1);
  stage.expect("acknowledgement", /n1 has led term 2/, /n2 acknowledges everything up to entry 1 to n3 in term 2/);
});

it("an acknowledgement that a later leader overtook is no lie", () => {
  const stage = committed();
  const entry = stage.append(1);
  stage.turn(2, { write: { append: [entry] } });
  stage.turn(2, { write: { hardState: { currentTerm: 3, votedFor: 0 }, truncateFrom: 4 } });
  stage.store(2);
  stage.acknowledge(2, 1, 2, 4);
  stage.expectNothing();
});

it.each<[string, number, object, RegExp]>([
  ["R7: a wrong term before the first entry", 2, { prevLogTerm: 1 }, /sends n3 entry 2 of term 1/],
  [
    "another content",
    2,
    { entries: [command(3, 2, "b")] },
    /sends n3 entry 3 of term 2 in an append that begins after/,
  ],
  ["R19: a gap", 1, { entries: [command(3, 2, "a")] }, /sends n3 entry 3 of term 2 .* begins after entry 1 of term 1/],
  ["an entry of another term", 2, { entries: [command(3, 1, "a")] }, /sends n3 entry 3 of term 1/],
  ["an entry that it does not have", 3, { entries: [command(4, 2)] }, /sends n3 entry 4 of term 2/],
  ["no entry, after one that it does not have", 3, { prevLogIndex: 7, prevLogTerm: 2 }, /sends n3 entry 7 of term 2/],
])("sends %s", (_, prevLogIndex, lie, later) => {
  const stage = committed();
  stage.sendAppend(1, 3, prevLogIndex, lie);
  stage.expect("append-content", /The log of n1, leader of term 2, has entry \d of term \d there and ends with/, later);
});

it("sends what it has as leader of a term that is over, when that leaves late", () => {
  const stage = committed();
  stage.append(1, "lost");
  const late = { term: 2, entries: stage.actor(1).log.slice(2) };
  stage.turn(1, { write: { hardState: { currentTerm: 3, votedFor: 0 }, truncateFrom: 4 } }, { role: "follower" });
  stage.sendAppend(1, 3, 2, late);
  stage.expectNothing();
});

it("an append tells of a commit that its leader has not made", () => {
  const stage = committed();
  stage.append(1);
  stage.sendAppend(1, 2, 3, { leaderCommit: 4 });
  stage.expect("leader-commit", /n1 had commit index 3 as leader of term 2/, /n1 tells n2 to commit up to entry 4/);
});

it.each(["heartbeat", "commit"] as const)(
  "R5: a %s tells of a commit that the receiver did not acknowledge",
  (kind) => {
    const stage = committed();
    stage.say({ kind, from: 1, to: 2, term: 2, leaderCommit: 3, round: 1, isQuiet: false });
    stage.expectNothing();
    stage.say({ kind, from: 1, to: 3, term: 2, leaderCommit: 3, round: 1, isQuiet: false });
    stage.expect(
      "leader-commit",
      /n3 had acknowledged in term 2, no more than entry 0/,
      /n1 tells n3 .* kind (heartbeat|commit)/,
    );
  },
);

const supportedLevels = { library: 1, application: 1 };

it.each<[string, Message]>([
  [
    "in a term to come",
    { kind: "heartbeatResult", from: 2, to: 1, term: 9, round: 1, supportedLevels, allowsQuiet: false },
  ],
  [
    "as another server",
    { kind: "heartbeatResult", from: 3, to: 1, term: 2, round: 1, supportedLevels, allowsQuiet: false },
  ],
])("E29: speaks %s", (_, message) => {
  const stage = committed();
  stage.say(message, 2);
  stage.expect("term-on-wire", /n2 was in term 2/, /n2 sends a heartbeatResult of term \d as n\d/);
});

it.each<[string, number, number]>([
  ["R9: believes in more than was acknowledged", 3, 4],
  ["R11: believes in less than before", 1, 4],
  ["sends next what is known to be there", 3, 3],
])("a leader %s", (_, matchIndex, nextIndex) => {
  const stage = committed();
  stage.turn(1, {}, { followers: [stage.follower(2, 2), stage.follower(3, 0)] });
  stage.expectNothing();
  const id = matchIndex === 3 && nextIndex === 4 ? 3 : 2;
  stage.turn(1, {}, { followers: [stage.follower(id, matchIndex, nextIndex)] });
  stage.expect(
    "match-index",
    /n1, whose log ends with entry 3 of term 2, had match index \d for n\d, which acknowledged up to entry \d in term 2/,
    /n1 has match index \d and next index \d for n\d at \d+ ms/,
  );
});

it.each<[string, Partial<PulledEntries>, RegExp | null]>([
  ["hands out a part of its log", {}, null],
  ["hands out an entry that it does not have", { entries: [command(3, 2, "y")] }, /n2 sends n3 entry 3 of term 2/],
  ["hands out entries with a gap", { prevLogIndex: 1, prevLogTerm: 1 }, /n2 sends n3 entry 3 of term 2/],
  ["names another entry before them", { prevLogTerm: 1 }, /n2 sends n3 entry 2 of term 1/],
  ["says that its log goes on", { lastLogIndex: 4 }, /n2 sends n3 entry 4 of term 2 as a part of its log/],
  ["says that its log ends in a later term", { lastLogTerm: 3 }, /n2 sends n3 entry 3 of term 3 as a part/],
])("E16: whoever is asked for its log %s", (_, lie, later) => {
  const stage = committed();
  const entries = stage.actor(2).log.slice(2, 3);
  const place = { prevLogIndex: 2, prevLogTerm: 2, lastLogIndex: 3, lastLogTerm: 2 };
  stage.say({ kind: "pulledEntries", from: 2, to: 3, term: 2, round: 1, ...place, entries, ...lie });
  if (later === null) stage.expectNothing();
  else stage.expect("pulled-content", /The log of n2 has entry \d of term \d there and ends with entry 3/, later);
});
