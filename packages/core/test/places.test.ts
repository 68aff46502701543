/** Places that servers are given under a name, and who may take one over (PITFALLS M17, M18). */

import { expect, it } from "vitest";
import type { MemberChange } from "../src/index.js";
import { change, partsOf, refusalOf, wanted } from "./support/members.js";
import { accepted, heartbeatResult } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, type Server, serverWith } from "./support/server.js";

const FIRST_LIFE = 11;
const SECOND_LIFE = 22;

function lives(incarnation: number, more: Partial<MemberChange> = {}): MemberChange[] {
  return [wanted("n1"), wanted("n2", { incarnation, ...more })];
}

/** Server 1 alone, which has given a place to a server of the name n2. */
function granted(more: Partial<MemberChange> = {}): Server {
  const server = serverWith([1], { voters: 1 });
  server.wake();
  server.persist();
  server.persist();
  expect(refusalOf(change(server, lives(FIRST_LIFE, more)))).toBe("accepted");
  server.persist();
  server.persist();
  expect(partsOf(server).learners).toEqual([2]);
  return server;
}

it.each(["voter", "learner"] as const)(
  "M17: a %s that was let in and never came is replaced by the next of its name, under another number",
  (role) => {
    const server = granted({ role });
    server.after(ELECTION_TIMEOUT_MS);
    expect(refusalOf(change(server, lives(SECOND_LIFE, { role })))).toBe("accepted");
    const { learners, nextId } = server.raft.configuration;
    expect(learners).toEqual([{ id: 3, name: "n2", address: "n2:1", incarnation: SECOND_LIFE }]);
    expect(nextId).toBe(4);
    if (role === "voter") expect(partsOf(server).target).toEqual([1, 3]);
  },
);

it("M17: it is given an election timeout to come, and whoever asks meanwhile can ask again", () => {
  const server = granted();
  server.after(ELECTION_TIMEOUT_MS - 1);
  expect(refusalOf(change(server, lives(SECOND_LIFE)))).toBe("changePending");
  server.after(1);
  expect(refusalOf(change(server, lives(SECOND_LIFE)))).toBe("accepted");
});

it.each([
  ["answered a heartbeat", heartbeatResult({ from: 2, term: 2 })],
  ["acknowledged an entry", accepted({ from: 2, term: 2, stream: 2, matchIndex: 2 })],
])("M18: whoever has %s keeps its place, however long it is silent", (_what, message) => {
  const server = granted({ role: "learner" });
  server.receive(message);
  server.after(100 * ELECTION_TIMEOUT_MS);
  expect(refusalOf(change(server, lives(SECOND_LIFE, { role: "learner" })))).toBe("invalid");
  expect(partsOf(server).learners).toEqual([2]);
});

it("M18: a voter keeps its place, though this leader has never heard of it", () => {
  const server = granted();
  for (let step = 0; step < 4; step += 1) {
    server.receive(accepted({ from: 2, term: 2, stream: 2, matchIndex: server.raft.lastIndex }));
    server.persist();
  }
  expect(partsOf(server)).toEqual({ voters: [1, 2] });
  // Without an answer to any heartbeat, a leader could think that it never came.
  server.after(ELECTION_TIMEOUT_MS / 2);
  expect(refusalOf(change(server, lives(SECOND_LIFE)))).toBe("invalid");
  expect(partsOf(server)).toEqual({ voters: [1, 2] });
});

it("M17: a place that was made in advance is claimed once, with the number that it has", () => {
  const server = granted({ incarnation: 0 });
  expect(refusalOf(change(server, lives(FIRST_LIFE)))).toBe("accepted");
  server.persist();
  expect(server.raft.configuration.learners).toMatchObject([{ id: 2, incarnation: FIRST_LIFE }]);
  expect(refusalOf(change(server, lives(SECOND_LIFE)))).toBe("changePending");
  // As they are: whoever was let in asks again.
  expect(refusalOf(change(server, lives(FIRST_LIFE)))).toBe("accepted");
  expect(server.raft.configuration.learners).toMatchObject([{ id: 2 }]);
});
