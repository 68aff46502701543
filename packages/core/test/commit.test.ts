/** When an entry is committed, and when it may be applied (§5.3, §5.4.2; PITFALLS chapter 3). */

import { describe, expect, it } from "vitest";
import { encodeConfiguration, foundingConfiguration } from "../src/index.js";
import { becomeLeader } from "./support/elect.js";
import { accepted, appendEntries, heartbeatResult } from "./support/messages.js";
import { serverWith } from "./support/server.js";

describe("commit", () => {
  it("C1: entries of older terms are not committed by counting replicas, but with one of the leader's own", () => {
    const server = serverWith([1, 2, 2]);
    becomeLeader(server);
    server.receive(accepted({ from: 2, term: 3, matchIndex: 3 }), accepted({ from: 3, term: 3, matchIndex: 3 }));
    server.persist();
    expect(server.status.commitIndex).toBe(0);
    server.receive(accepted({ from: 2, term: 3, matchIndex: 4 }));
    expect(server.status.commitIndex).toBe(4);
  });

  it("C2: the quorum's index comes first and its term second: entries of older terms do not stop the search", () => {
    const server = serverWith([1, 2, 3, 4]);
    becomeLeader(server);
    server.persist();
    server.receive(accepted({ from: 2, term: 5, matchIndex: 5 }));
    expect(server.status.commitIndex).toBe(5);
  });

  it("C3: the leader's own entry counts when it is durable, also when the server is alone", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(server.status.commitIndex).toBe(0);
    server.persist();
    expect(server.status.commitIndex).toBe(2);
    const alone = serverWith([1], { voters: 1 });
    becomeLeader(alone, []);
    expect(alone.propose("a")).toMatchObject({ applyTo: 0, proposals: [{ accepted: true, firstIndex: 3 }] });
    expect(alone.persist(1)).toMatchObject({ applyTo: 2 });
    expect(alone.persist(1)).toMatchObject({ applyTo: 3 });
  });

  it("C3: a majority of followers commits without the leader's disk, which applies later", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    const { applyTo } = server.receive(
      accepted({ from: 2, term: 2, matchIndex: 2 }),
      accepted({ from: 3, term: 2, matchIndex: 2 }),
    );
    expect(server.status.commitIndex).toBe(2);
    expect(applyTo).toBe(1);
    expect(server.persist().applyTo).toBe(2);
  });

  it("M16: even clusters need more than half", () => {
    const server = serverWith([1], { voters: 4 });
    becomeLeader(server, [2, 3]);
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
    expect(server.status.commitIndex).toBe(0);
    server.receive(accepted({ from: 3, term: 2, matchIndex: 2 }));
    expect(server.status.commitIndex).toBe(2);
  });
});

describe("apply", () => {
  it("C12: a follower applies nothing that is not durable here", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1], commit: 3 }));
    expect(server.status.commitIndex).toBe(3);
    expect(server.effects.applyTo).toBe(1);
    expect(server.persist().applyTo).toBe(3);
  });

  it("C6: what may be applied and what is committed are told apart, and neither is lost by a turn without news", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1], commit: 2 }));
    server.receive(appendEntries({ from: 2, term: 1, prev: [2, 1], terms: [1], commit: 3 }));
    expect(server.persist(1).applyTo).toBe(2);
    expect(server.drain().applyTo).toBe(2);
    expect(server.persist(1).applyTo).toBe(3);
  });

  it("C7: a restart forgets the commit index, and never takes it to be beyond the log", () => {
    const server = serverWith([1]);
    server.receive(appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [1, 1], commit: 3 }));
    server.restart();
    expect(server.status).toMatchObject({ commitIndex: 0, lastIndex: 1 });
    expect(server.effects.applyTo).toBe(0);
  });
});

describe("proposals", () => {
  it("are answered in the next drain: with their place, or with who leads", () => {
    const server = serverWith([1]);
    expect(server.propose("a").proposals).toEqual([{ proposalId: 1, accepted: false, leaderId: 0 }]);
    becomeLeader(server);
    expect(server.propose("a", "b").proposals).toEqual([{ proposalId: 1, accepted: true, firstIndex: 3, term: 2 }]);
    expect(server.effects.write?.append.map(({ index, term, kind }) => [index, term, kind])).toEqual([
      [3, 2, "command"],
      [4, 2, "command"],
    ]);
  });

  it("K5: one that was accepted in the turn in which leadership ended names the term that it was accepted in", () => {
    const server = serverWith([1]);
    becomeLeader(server);
    server.step({ kind: "propose", proposalId: 7, commands: [new Uint8Array(0)] });
    const { proposals } = server.receive(heartbeatResult({ from: 3, term: 9 }));
    expect(proposals).toEqual([{ proposalId: 7, accepted: true, firstIndex: 3, term: 2 }]);
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 9 });
  });

  it("M2: what is proposed is a command, whatever its bytes say, and never the configuration", () => {
    const server = serverWith([1], { voters: 3 });
    becomeLeader(server, [2]);
    const data = encodeConfiguration(foundingConfiguration([{ id: 1, name: "n1", address: "n1:1" }]));
    const { write } = server.turn({ kind: "propose", proposalId: 1, commands: [data] });
    expect(write?.append.map(({ kind }) => kind)).toEqual(["command"]);
    expect(server.raft.configuration.voters).toHaveLength(3);
    expect(() => server.step({ kind: "propose", proposalId: 2, commands: [] })).toThrow(RangeError);
    expect(server.drain()).toMatchObject({ write: null, proposals: [] });
  });

  it("F11: the payload is not copied on its way through the core", () => {
    const server = serverWith([1], { voters: 1 });
    becomeLeader(server, []);
    const data = new Uint8Array([1, 2, 3]);
    server.turn({ kind: "propose", proposalId: 1, commands: [data] });
    expect(server.effects.write?.append[0]?.data).toBe(data);
  });
});
