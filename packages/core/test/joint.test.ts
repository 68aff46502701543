/** Two majorities at once, leaders that leave, and those who do not know yet that they belong (§6; PITFALLS M). */

import { describe, expect, it } from "vitest";
import { type Entry, encodeConfiguration, foundingConfiguration } from "../src/index.js";
import { becomeCandidate, becomeLeader, sent } from "./support/elect.js";
import { command, commands, logOf } from "./support/entries.js";
import { change, leaderOf, ledCluster, member, membershipOf, partsOf, voters, wanted } from "./support/members.js";
import {
  accepted,
  appendEntries,
  heartbeat,
  heartbeatResult,
  requestPreVoteResult,
  requestVote,
  requestVoteResult,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server, serverWith } from "./support/server.js";

/** A server whose log ends in a joint configuration: from 1, 2, 3 to 1, 4, 5, or as given. */
function jointServer(id = 1, parts = { voters: [1, 4, 5], outgoing: [1, 2, 3] }): Server {
  return new Server({ id, entries: [...logOf([1], 3), membershipOf(2, 1, parts)] });
}

/** Leads term 2 with everything committed and known: the entry of its own term, and the way out of joint consensus. */
function jointLeader(): Server {
  const server = jointServer();
  becomeLeader(server, [2, 4]);
  server.persist();
  return server;
}

describe("M16: both majorities are needed", () => {
  const halves = [
    { name: "the old one alone", ids: [2, 3] },
    { name: "the new one alone", ids: [4, 5] },
  ];

  it.each(halves)("for pre-votes and votes: $name does not elect", ({ ids }) => {
    const server = jointServer();
    becomeCandidate(server, ids);
    expect(server.raft.role).toBe("preCandidate");
    const other = jointServer();
    becomeLeader(other, [2, 4]);
    expect(other.raft.role).toBe("leader");
    const third = jointServer();
    becomeCandidate(third, [2, 4]);
    const round = sent(third.persist(), "requestVote")[0]?.round ?? 0;
    third.receive(...ids.map((from) => requestVoteResult({ from, term: 2, round })));
    expect(third.raft.role).toBe("candidate");
  });

  it.each(halves)("to commit: $name does not", ({ ids }) => {
    const server = jointLeader();
    server.receive(...ids.map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    expect(server.raft.commitIndex).toBe(0);
    server.receive(...[2, 4].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    expect(server.raft.commitIndex).toBe(3);
  });

  it.each(halves)("to go on leading: $name is not enough company", ({ ids }) => {
    const server = jointLeader();
    server.after(ELECTION_TIMEOUT_MS - 1);
    server.receive(...ids.map((from) => heartbeatResult({ from, term: 2 })));
    server.after(1);
    expect(server.raft.role).toBe("follower");
  });

  it.each(halves)("to confirm reads: $name does not", ({ ids }) => {
    const server = jointLeader();
    server.receive(...[2, 4].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    // The way out of joint consensus is in the log now, but a change to others makes it joint again.
    server.persist();
    server.receive(...[4, 5].map((from) => accepted({ from, term: 2, matchIndex: 4 })));
    change(server, voters("n1", "n4"));
    expect(partsOf(server)).toEqual({ voters: [1, 4], outgoing: [1, 4, 5] });
    const round = sent(server.read(), "heartbeat")[0]?.round ?? 0;
    // Of 1 and 4 both are needed; 5 makes a majority of the old ones only.
    const { reads } = server.receive(heartbeatResult({ from: ids.includes(5) ? 5 : 2, term: 2, round }));
    expect(reads).toEqual([]);
    expect(server.receive(heartbeatResult({ from: 4, term: 2, round })).reads).toMatchObject([{ ready: true }]);
  });
});

describe("in force when it is appended", () => {
  it("M8: a server campaigns under the last configuration in its log, committed or not", () => {
    const server = jointServer(4);
    const asked = sent(server.wake(), "requestPreVote").map(({ to }) => to);
    expect(asked).toEqual([1, 2, 3, 5]);
    expect(server.status).toMatchObject({ commitIndex: 0, role: "preCandidate" });
  });

  it("M9: a learner that was promoted campaigns without knowing that this is committed", () => {
    const server = serverWith([], { id: 4 });
    const entries = [...logOf([1], 3), membershipOf(2, 1, { voters: [1, 2, 3], learners: [4], target: [1, 2, 4] })];
    server.receive(appendEntries({ from: 1, to: 4, term: 1, prev: [0, 0], entries }));
    server.persist();
    server.wake();
    server.wake();
    expect(server.raft.role).toBe("follower");
    const joint = membershipOf(3, 1, { voters: [1, 2, 4], outgoing: [1, 2, 3] });
    server.receive(appendEntries({ from: 1, to: 4, term: 1, prev: [2, 1], entries: [joint] }));
    server.persist();
    server.wake();
    expect(server.raft.role).toBe("preCandidate");
  });

  it("M10: whoever does not know that it may vote grants votes by term and log", () => {
    const blank = serverWith([], { id: 4 });
    blank.receive(requestVote({ from: 2, to: 4, term: 2, last: [2, 1] }));
    expect(sent(blank.persist(), "requestVoteResult")).toMatchObject([{ voteGranted: true }]);
  });

  it("M11: and to candidates that it does not know", () => {
    const server = serverWith([1]);
    server.receive(requestVote({ from: 9, term: 2, last: [2, 1] }));
    expect(sent(server.persist(), "requestVoteResult")).toMatchObject([{ to: 9, voteGranted: true }]);
  });

  it("E6: votes of those who are no voters do not count, nor do their acknowledgements", () => {
    const server = serverWith([1]);
    becomeCandidate(server, [7, 8]);
    expect(server.raft.role).toBe("preCandidate");
    const leader = serverWith([1]);
    becomeLeader(leader);
    leader.persist();
    leader.receive(...[7, 8].map((from) => accepted({ from, term: 2, matchIndex: 2 })));
    expect(leader.raft.commitIndex).toBe(0);
    expect(leader.receive(requestPreVoteResult({ from: 9, term: 2 })).write).toBeNull();
  });

  it("C5: what stands before a configuration in one batch is committed by those whom it brings, too", () => {
    const server = serverWith([1], { voters: 1 });
    server.wake();
    server.persist();
    server.persist();
    expect(server.raft.commitIndex).toBe(2);
    server.step({ kind: "propose", proposalId: 1, commands: [new Uint8Array(1)] });
    change(server, [wanted("n1"), wanted("n2", { role: "learner" })]);
    server.persist();
    expect(server.raft.commitIndex).toBe(4);
    const two = new Server({ entries: [...logOf([1, 1], 1), membershipOf(3, 1, { voters: [1, 2], outgoing: [1] })] });
    becomeLeader(two);
    two.persist();
    expect(two.raft.commitIndex).toBe(0);
    two.receive(accepted({ from: 2, term: 2, matchIndex: 4 }));
    expect(two.raft.commitIndex).toBe(4);
  });

  it("E27: a learner keeps its leader, and does not campaign", () => {
    const entries = [...logOf([1], 2), membershipOf(2, 1, { voters: [1, 2], learners: [3] })];
    const server = new Server({ id: 3, entries });
    server.receive(heartbeat({ from: 1, to: 3, term: 1 }));
    for (let wakes = 0; wakes < 5; wakes += 1) expect(sent(server.wake(), "requestPreVote")).toEqual([]);
    expect(server.status).toMatchObject({ role: "follower", leaderId: 1, currentTerm: 1 });
  });

  it("and a learner is fed and sent heartbeats, but counts nowhere", () => {
    const entries = [...logOf([1], 2), membershipOf(2, 1, { voters: [1, 2], learners: [3, 4, 5] })];
    const server = new Server({ entries });
    becomeLeader(server);
    server.persist();
    server.receive(...[3, 4, 5].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    expect(server.raft.commitIndex).toBe(0);
    server.after(HEARTBEAT_INTERVAL_MS);
    expect(sent(server.effects, "heartbeat").map(({ to }) => to)).toEqual([2, 3, 4, 5]);
    server.after(ELECTION_TIMEOUT_MS - HEARTBEAT_INTERVAL_MS - 1);
    server.receive(...[3, 4, 5].map((from) => heartbeatResult({ from, term: 2 })));
    server.after(1);
    expect(server.raft.role).toBe("follower");
  });
});

describe("a leader that leaves", () => {
  /** Leads term 2 and has just had its own removal committed, by the word of 2. */
  function leaving(): Server {
    const server = serverWith([1]);
    becomeLeader(server);
    server.persist();
    server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 2 })));
    change(server, voters("n2", "n3"));
    server.persist();
    server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    server.persist();
    expect(partsOf(server)).toEqual({ voters: [2, 3] });
    return server;
  }

  it("C4: does not count itself", () => {
    const server = leaving();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 4 }));
    expect(server.raft.commitIndex).toBe(3);
    server.receive(accepted({ from: 3, term: 2, matchIndex: 4 }));
    expect(server.raft.commitIndex).toBe(4);
  });

  it("M12, M14: leads until a majority of those who stay knows, hands over with all that came meanwhile, and stops", () => {
    const server = leaving();
    const effects = server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 4 })));
    const [first] = sent(effects, "heartbeat");
    expect(first).toMatchObject({ leaderCommit: 4 });
    const round = first?.round ?? 0;
    expect(server.propose("while it leads").proposals).toMatchObject([{ accepted: true }]);
    server.receive(heartbeatResult({ from: 2, term: 2, round }));
    expect(server.raft.transferTo).toBe(0);
    server.receive(heartbeatResult({ from: 3, term: 2, round: round - 1 }));
    expect(server.raft.transferTo).toBe(0);
    server.receive(heartbeatResult({ from: 3, term: 2, round }));
    expect(server.raft.transferTo).toBe(2);
    expect(sent(server.effects, "timeoutNow")).toEqual([]);
    server.receive(accepted({ from: 2, term: 2, matchIndex: 5 }));
    expect(sent(server.effects, "timeoutNow")).toMatchObject([{ to: 2, lastLogIndex: 5, lastLogTerm: 2 }]);
    expect(server.raft.role).toBe("leader");
    server.now += ELECTION_TIMEOUT_MS - 1;
    server.receive(...[2, 3].map((from) => heartbeatResult({ from, term: 2, round })));
    server.after(1);
    server.after(HEARTBEAT_INTERVAL_MS);
    expect(server.status).toMatchObject({ role: "follower", currentTerm: 2, leaderId: 0 });
    for (let wakes = 0; wakes < 3; wakes += 1) expect(server.wake().messages).toEqual([]);
  });

  it("M14: counts as knowing only those who have the entry that removes it", () => {
    const server = serverWith([1], { voters: 5 });
    becomeLeader(server, [2, 3]);
    server.persist();
    server.receive(...[2, 3, 4].map((from) => accepted({ from, term: 2, matchIndex: 2 })));
    change(server, voters("n2", "n3", "n4", "n5"));
    server.persist();
    server.receive(...[2, 3, 4].map((from) => accepted({ from, term: 2, matchIndex: 3 })));
    server.persist();
    server.receive(...[2, 3, 4].map((from) => accepted({ from, term: 2, matchIndex: 4 })));
    const round = sent(server.effects, "heartbeat")[0]?.round ?? 0;
    server.receive(...[2, 3, 5].map((from) => heartbeatResult({ from, term: 2, round })));
    expect(server.raft.transferTo).toBe(0);
    server.receive(heartbeatResult({ from: 4, term: 2, round }));
    expect(server.raft.transferTo).toBe(2);
  });

  it("M14: begins its farewell again if the members change meanwhile", () => {
    const server = leaving();
    server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 4 })));
    const round = sent(server.effects, "heartbeat")[0]?.round ?? 0;
    change(server, [...voters("n2", "n3"), wanted("n4", { role: "learner" })]);
    server.receive(...[2, 3].map((from) => heartbeatResult({ from, term: 2, round })));
    server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 5 })));
    expect(server.raft).toMatchObject({ commitIndex: 5, transferTo: 0 });
    const again = sent(server.effects, "heartbeat")[0]?.round ?? 0;
    server.receive(...[2, 3].map((from) => heartbeatResult({ from, term: 2, round: again })));
    expect(server.raft.transferTo).toBe(2);
  });

  it("M29: says that it leads as long as it does", () => {
    const server = leaving();
    expect(server.status).toMatchObject({ role: "leader", leaderId: 1 });
    expect(server.status.configuration.voters.map(({ id }) => id)).toEqual([2, 3]);
    expect(server.raft.peers).toEqual([2, 3]);
  });

  it("M13: of two, the one that stays goes on alone, at once", () => {
    const cluster = ledCluster(2);
    cluster.changeMembers(1, voters("n2"));
    const before = cluster.now;
    for (let ms = 0; cluster.server(2).raft.role !== "leader" && ms < 50; ms += 1) cluster.run(1);
    expect(cluster.now - before).toBeLessThan(ELECTION_TIMEOUT_MS / 2);
    cluster.crash(1);
    cluster.propose(2, "alone");
    cluster.run(ELECTION_TIMEOUT_MS);
    const { lastIndex } = cluster.server(2).raft;
    expect(cluster.server(2).raft.commitIndex).toBe(lastIndex);
    expect(partsOf(cluster.server(2))).toEqual({ voters: [2] });
  });

  it("M15: votes for itself, and campaigns, while it is a voter of the old set", () => {
    const joint = { voters: [4, 5], outgoing: [1, 2, 3] };
    const server = jointServer(1, joint);
    becomeLeader(server, [2, 4, 5]);
    expect(server.raft.role).toBe("leader");
    const short = jointServer(1, joint);
    becomeCandidate(short, [4, 5]);
    expect(short.raft.role).toBe("preCandidate");
  });

  it("M15: and campaigns even then when it is no voter any more, until it knows that to be committed", () => {
    const entries = [
      ...logOf([1], 3),
      membershipOf(2, 1, { voters: [2, 3], outgoing: [1, 2, 3] }),
      membershipOf(3, 1, { voters: [2, 3] }),
      ...commands(3, [1, 1]),
    ];
    const server = new Server({ entries });
    becomeLeader(server, [2, 3]);
    expect(server.raft.role).toBe("leader");
    // Its own vote counts for nothing.
    const alone = new Server({ entries });
    becomeCandidate(alone, [2]);
    expect(alone.raft.role).toBe("preCandidate");
    const knowing = new Server({ entries });
    knowing.receive(heartbeat({ from: 2, term: 1, leaderCommit: 3 }));
    knowing.wake();
    expect(knowing.wake().messages).toEqual([]);
    expect(knowing.raft.role).toBe("follower");
  });

  it("M15: a learner that never voted stays one, and so does a witness that was removed", () => {
    const learner = new Server({
      id: 4,
      entries: [
        ...logOf([1], 3),
        membershipOf(2, 1, { voters: [1, 2, 3], learners: [4] }),
        membershipOf(3, 1, { voters: [1, 2, 3] }),
      ],
    });
    expect(learner.wake().messages).toEqual([]);
  });
});

describe("witnesses", () => {
  const cluster = () => {
    const led = ledCluster(2);
    led.changeMembers(1, [...voters("n1", "n2"), wanted("n3", { role: "witness" })]);
    led.run(10 * ELECTION_TIMEOUT_MS);
    expect(led.server(1).raft.configuration.voters).toEqual([member(1), member(2), member(3, { isWitness: true })]);
    return led;
  };

  it("vote, and never campaign", () => {
    const led = cluster();
    led.crash(1);
    led.network.hold({ from: 2 });
    led.run(4 * ELECTION_TIMEOUT_MS);
    expect(led.server(3).raft.role).toBe("follower");
    led.network.release(led.now);
    led.run(4 * ELECTION_TIMEOUT_MS);
    expect(leaderOf(led)?.id).toBe(2);
    const { outcome } = led.propose(2, "with a witness");
    led.run(50);
    expect(outcome).toMatchObject({ accepted: true });
    expect(led.server(2).raft.commitIndex).toBe(led.server(2).raft.lastIndex);
  });

  it("are no successors", () => {
    const led = cluster();
    expect(led.transfer(1, 3).outcome).toMatchObject({ result: "noTarget" });
    led.crash(2);
    led.run(ELECTION_TIMEOUT_MS);
    expect(led.transfer(1, 0).outcome).toMatchObject({ result: "noTarget" });
  });

  it("do not turn into anything else, nor anything else into one", () => {
    const led = cluster();
    const other = led.changeMembers(1, voters("n1", "n2", "n3"));
    expect(other.outcome).toMatchObject({ refusal: "invalid", reason: expect.stringContaining("witness") });
    const learner = led.changeMembers(1, [...voters("n1", "n2"), wanted("n3", { role: "learner" })]);
    expect(learner.outcome).toMatchObject({ refusal: "invalid" });
  });

  it("that were removed do not campaign either", () => {
    const isWitness = { isWitness: true };
    const before = foundingConfiguration([member(1), member(2), member(3, isWitness)]);
    const after = { ...before, voters: [member(1), member(2)] };
    const entries = [before, after].map(
      (each, place): Entry => ({ index: place + 1, term: 1, kind: "membership", data: encodeConfiguration(each) }),
    );
    const server = new Server({ id: 3, entries: [...entries, command(3, 1)] });
    expect(server.wake().messages).toEqual([]);
    expect(server.raft.role).toBe("follower");
  });
});
