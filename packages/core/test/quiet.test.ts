/** Quiet: what a cluster at rest does not do, what ends that, and that nothing else changes by it. */

import { describe, expect, it } from "vitest";
import type { Effects, Input, NodeId } from "../src/index.js";
import { Cluster } from "./support/cluster.js";
import { sent } from "./support/elect.js";
import {
  appendEntries,
  heartbeat,
  heartbeatResult,
  requestPreVote,
  requestPreVoteResult,
  requestVote,
} from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, type Server, serverWith } from "./support/server.js";

const T = ELECTION_TIMEOUT_MS;
/** From the last entry on: the rest itself, a heartbeat that says so, and another one after all have answered. */
const UNTIL_QUIET_MS = 4 * T + 3 * HEARTBEAT_INTERVAL_MS;

function awake(size = 3, seed = 0): Cluster {
  const cluster = new Cluster({ size, seed, allowsQuiet: true });
  cluster.campaign(1);
  cluster.settle();
  cluster.propose(1, "a");
  cluster.settle();
  return cluster;
}

/** Server 1 leads, everyone has everything, and all are quiet. */
function quiet(size = 3, seed = 0): Cluster {
  const cluster = awake(size, seed);
  cluster.run(UNTIL_QUIET_MS + T);
  expect(whoIsQuiet(cluster)).toHaveLength(size);
  return cluster;
}

function whoIsQuiet(cluster: Cluster): NodeId[] {
  return cluster.running.filter(({ raft }) => raft.isQuiet).map(({ id }) => id);
}

function leaders(cluster: Cluster): NodeId[] {
  return cluster.running.filter(({ raft }) => raft.role === "leader").map(({ id }) => id);
}

/** How often the leader speaks to server 2 while `ms` go by. */
function heartbeatsWithin(cluster: Cluster, ms: number): number {
  let count = 0;
  cluster.onSend = ({ kind, to }) => {
    if (kind === "heartbeat" && to === 2) count += 1;
    return true;
  };
  cluster.run(ms);
  return count;
}

describe("a cluster at rest", () => {
  it("falls quiet four election timeouts after the last work, not sooner", () => {
    const cluster = awake();
    cluster.run(4 * T - HEARTBEAT_INTERVAL_MS);
    expect(whoIsQuiet(cluster)).toEqual([]);
    cluster.run(4 * HEARTBEAT_INTERVAL_MS);
    expect(whoIsQuiet(cluster)).toEqual([1, 2, 3]);
    expect(cluster.server(1).status.isQuiet).toBe(true);
  });

  it("then speaks up once in two election timeouts, and stays as it is", () => {
    const cluster = quiet();
    expect(heartbeatsWithin(cluster, 40 * T)).toBe(20);
    expect(leaders(cluster)).toEqual([1]);
    expect(cluster.server(1).raft.currentTerm).toBe(2);
  });

  it.each([
    ["a follower lags behind", (cluster: Cluster) => cluster.holdingWrites.add(3)],
    ["a follower is down", (cluster: Cluster) => cluster.crash(3)],
    ["a follower cannot answer", (cluster: Cluster) => cluster.network.cut(3, 1)],
    ["the disk of the leader is behind", (cluster: Cluster) => cluster.holdingWrites.add(1)],
    ["a change of members is under way", (cluster: Cluster) => addBlank(cluster)],
  ])("stays awake while %s", (_what, disturb) => {
    const cluster = awake();
    disturb(cluster);
    cluster.propose(1, "b");
    cluster.run(20 * T);
    expect(whoIsQuiet(cluster)).toEqual([]);
    expect(leaders(cluster)).toEqual([1]);
  });

  it("stays awake while one server is not for it, or does not know of it", () => {
    const cluster = awake();
    cluster.crash(3);
    cluster.server(3).allowsQuiet = false;
    cluster.restart(3);
    cluster.run(20 * T);
    expect(whoIsQuiet(cluster)).toEqual([]);
    cluster.crash(3);
    cluster.server(3).allowsQuiet = true;
    cluster.restart(3);
    cluster.run(20 * T);
    expect(whoIsQuiet(cluster)).toEqual([1, 2, 3]);
  });

  it("stays awake while somebody else should rather lead", () => {
    const cluster = quiet();
    const members = [1, 2, 3].map((id) => ({
      name: `n${id}`,
      address: `n${id}`,
      role: "voter" as const,
      priority: id === 3 ? 1 : 0,
    }));
    cluster.network.cut(1, 3);
    cluster.network.cut(3, 1);
    cluster.changeMembers(1, members);
    cluster.run(10 * T);
    cluster.network.heal();
    cluster.run(40 * T);
    expect(leaders(cluster)).toEqual([3]);
    expect(whoIsQuiet(cluster)).toEqual([1, 2, 3]);
  });

  it("F10: speaks as often as ever until all have heard of the quiet", () => {
    const cluster = awake();
    cluster.onSend = (message) => !(message.kind === "heartbeat" && message.isQuiet && message.to === 3);
    cluster.run(4 * T + HEARTBEAT_INTERVAL_MS + 2);
    expect(whoIsQuiet(cluster)).toEqual([1, 2]);
    expect(heartbeatsWithin(cluster, T / 2)).toBeGreaterThan(1);
    cluster.run(T);
    expect(leaders(cluster)).toEqual([1]);
    expect(cluster.server(1).raft.currentTerm).toBe(2);
  });
});

function addBlank(cluster: Cluster): void {
  const role = "voter" as const;
  const members = [1, 2, 3, 4].map((id) => ({ name: `n${id}`, address: `n${id}`, role }));
  cluster.onSend = ({ to }) => to !== 4;
  cluster.changeMembers(1, members);
}

/** A leader on its own, in a quiet that servers 2 and 3 have confirmed. */
function quietLeader(): Server {
  const server = serverWith([1], { allowsQuiet: true });
  const asked = sent(server.wake(), "requestPreVote")[0];
  server.receive(requestPreVoteResult({ from: 2, term: 1, round: asked?.round ?? 0 }));
  const vote = sent(server.persist(), "requestVote")[0];
  server.receive({ kind: "requestVoteResult", from: 2, to: 1, term: 2, round: vote?.round ?? 0, voteGranted: true });
  server.persist();
  for (const from of [2, 3])
    server.receive({
      ...{ kind: "appendEntriesResult", from, to: 1, term: 2, stream: 1, success: true, matchIndex: 2 },
      ...{ rejectedIndex: 0, hintIndex: 0, hintTerm: 0 },
    });
  for (let beats = 0; server.effects.deadline - server.now < T; beats += 1) {
    if (beats > 100) throw new Error("no quiet");
    beat(server);
  }
  return server;
}

/** The next round, which everyone answers at once. */
function beat(server: Server, from: readonly NodeId[] = [2, 3]): void {
  const round = sent(server.wake(), "heartbeat")[0]?.round;
  if (round === undefined) return;
  server.receive(...from.map((id) => heartbeatResult({ from: id, term: 2, round, allowsQuiet: true })));
}

function calls(effects: Effects): (readonly [NodeId, boolean])[] {
  return sent(effects, "heartbeat").map(({ to, isQuiet }) => [to, isQuiet] as const);
}

const TO_ALL = [
  [2, false],
  [3, false],
];

const member = (id: number) => ({ name: `n${id}`, address: `n${id}`, role: "voter" as const });

describe("a quiet leader", () => {
  it.each<[string, Input]>([
    ["a proposal", { kind: "propose", proposalId: 1, commands: [new Uint8Array(1)] }],
    ["a read", { kind: "read", readId: 1 }],
    ["a lease read", { kind: "read", readId: 1, isLease: true }],
    [
      "a follower's read",
      { kind: "receive", message: { kind: "readIndex", from: 2, to: 1, term: 2, readId: 1, isLease: false } },
    ],
    ["a change of members", { kind: "changeMembers", changeId: 1, basedOn: 1, members: [1, 2].map(member) }],
    ["a raise of levels", { kind: "raiseFeatureLevels", changeId: 1 }],
    ["a transfer", { kind: "transferLeadership", transferId: 1, to: 2 }],
    ["a follower with doubts", { kind: "receive", message: heartbeatResult({ from: 2, term: 2, round: 0 }) }],
    ["somebody who wants votes", { kind: "receive", message: requestPreVote({ from: 3, term: 2, last: [2, 2] }) }],
    ["the end of a connection", { kind: "suspect", peer: 3 }],
  ])("F10: calls everyone at once on %s, and again as often as ever", (_what, input) => {
    const server = quietLeader();
    server.now += 1.5 * T;
    const effects = server.turn(input);
    expect(calls(effects)).toEqual(TO_ALL);
    expect(effects.deadline).toBeLessThanOrEqual(server.now + HEARTBEAT_INTERVAL_MS);
    expect(server.raft.isQuiet).toBe(false);
    expect(calls(server.wake())).toEqual(TO_ALL);
    expect(server.raft.role).toBe("leader");
  });

  it("E16: does not give up its followers for what it did not ask of them, and does so for what it did", () => {
    const server = quietLeader();
    server.now += 1.9 * T;
    const wokeAt = server.now;
    server.propose("b");
    while (server.raft.role === "leader" && server.now < wokeAt + 10 * T) server.wake();
    expect(server.now).toBe(wokeAt + T);
  });

  it("E16: wakes up when somebody does not answer for an election timeout, and steps down after another one", () => {
    const server = quietLeader();
    const askedAt = server.effects.deadline;
    expect(calls(server.wake())).toEqual([
      [2, true],
      [3, true],
    ]);
    expect(server.effects.deadline).toBe(askedAt + T);
    expect(calls(server.wake())).toEqual(TO_ALL);
    while (server.raft.role === "leader" && server.now < askedAt + 10 * T) server.wake();
    expect(server.now).toBe(askedAt + 2 * T);
  });

  it("hands over at once, and raises levels, for whoever was in touch", () => {
    const server = quietLeader();
    server.now += 1.9 * T;
    expect(sent(server.turn({ kind: "transferLeadership", transferId: 1, to: 0 }), "timeoutNow")).toHaveLength(1);
    const other = quietLeader();
    other.now += 1.9 * T;
    expect(other.turn({ kind: "raiseFeatureLevels", changeId: 1 }).changes).toMatchObject([{ accepted: true }]);
  });

  it("L1: has a lease no longer than otherwise", () => {
    const server = quietLeader();
    beat(server);
    server.now += T - 1;
    expect(server.turn({ kind: "read", readId: 1, isLease: true }).reads).toEqual([]);
  });

  it("wakes up for a read that its lease still answers, so that the next one has a lease as well", () => {
    const server = quietLeader();
    beat(server);
    server.now += 1;
    const { reads } = server.turn({ kind: "read", readId: 1, isLease: true });
    expect(reads).toMatchObject([{ ready: true }]);
    expect(server.raft.isQuiet).toBe(false);
  });

  it("takes no notice of strangers that are lost", () => {
    const server = quietLeader();
    expect(server.turn({ kind: "suspect", peer: 9 }).messages).toEqual([]);
    expect(server.raft.isQuiet).toBe(true);
  });
});

/** Server 1 follows server 2 in term 2, and heard a quiet heartbeat of round 5 just now. */
function quietFollower(): Server {
  const server = serverWith([1, 2], { allowsQuiet: true });
  const effects = server.receive(heartbeat({ from: 2, term: 2, round: 5, isQuiet: true }));
  expect(sent(effects, "heartbeatResult")).toMatchObject([{ to: 2, round: 5, allowsQuiet: true }]);
  return server;
}

const waitOf = ({ effects, now }: Server): number => effects.deadline - now;

function expectAwake(server: Server): void {
  expect(server.raft.isQuiet).toBe(false);
  expect(waitOf(server)).toBeGreaterThanOrEqual(T);
  expect(waitOf(server)).toBeLessThan(2 * T);
}

const DOUBT = { kind: "heartbeatResult", to: 2, term: 2, round: 0, allowsQuiet: false };

describe("a quiet follower", () => {
  it("waits for two heartbeats that do not come, and then as long as ever", () => {
    const server = quietFollower();
    expect(waitOf(server)).toBeGreaterThanOrEqual(5 * T);
    expect(waitOf(server)).toBeLessThan(6 * T);
    server.wake();
    expect(server.raft.role).toBe("preCandidate");
  });

  it("is awake with the next heartbeat that says so", () => {
    const server = quietFollower();
    server.receive(heartbeat({ from: 2, term: 2, round: 6 }));
    expectAwake(server);
  });

  it("is not lulled by a heartbeat of before", () => {
    const server = quietFollower();
    server.receive(heartbeat({ from: 2, term: 2, round: 6 }));
    server.receive(heartbeat({ from: 2, term: 2, round: 4, isQuiet: true }));
    expectAwake(server);
  });

  it("stays so if a heartbeat of before comes late", () => {
    const server = quietFollower();
    server.receive(heartbeat({ from: 2, term: 2, round: 4 }));
    expect(server.raft.isQuiet).toBe(true);
    expect(waitOf(server)).toBeGreaterThanOrEqual(5 * T);
  });

  it.each<[string, Input]>([
    ["a client's read", { kind: "read", readId: 1 }],
    ["the end of the connection to its leader", { kind: "suspect", peer: 2 }],
    ["somebody who wants votes", { kind: "receive", message: requestPreVote({ from: 3, term: 2, last: [2, 2] }) }],
    [
      "an append",
      {
        kind: "receive",
        message: appendEntries({ from: 2, term: 2, prev: [2, 2] }),
      },
    ],
  ])("F10: waits no longer than ever after %s, and tells its leader", (_what, input) => {
    const server = quietFollower();
    server.now += T / 2;
    const effects = server.turn(input);
    expectAwake(server);
    expect(sent(effects, "heartbeatResult")).toMatchObject([DOUBT]);
  });

  it("F10: is not lulled for an election timeout after that, and says so in its answers", () => {
    const server = quietFollower();
    server.turn({ kind: "suspect", peer: 2 });
    server.now += T - 1;
    const effects = server.receive(heartbeat({ from: 2, term: 2, round: 6, isQuiet: true }));
    expect(sent(effects, "heartbeatResult")).toMatchObject([{ round: 6, allowsQuiet: false }]);
    expectAwake(server);
    server.now += 1;
    const later = server.receive(heartbeat({ from: 2, term: 2, round: 7, isQuiet: true }));
    expect(sent(later, "heartbeatResult")).toMatchObject([{ round: 7, allowsQuiet: true }]);
    expect(server.raft.isQuiet).toBe(true);
  });

  it("never waits longer for a doubt", () => {
    const server = quietFollower();
    server.now += 4.9 * T;
    const before = server.effects.deadline;
    server.turn({ kind: "suspect", peer: 2 });
    expect(server.effects.deadline).toBeLessThanOrEqual(before);
  });

  it("E18: waits no longer than ever once there is a new term", () => {
    const server = quietFollower();
    server.now += 2 * T;
    server.receive(requestVote({ from: 3, term: 4, last: [1, 1] }));
    expect(server.raft.currentTerm).toBe(4);
    expectAwake(server);
    const other = quietFollower();
    other.receive(heartbeatResult({ from: 3, term: 7 }));
    expect(other.raft.currentTerm).toBe(7);
    expectAwake(other);
  });

  it("E14, L2: is bound to its leader for one election timeout, as ever", () => {
    const ask = requestPreVote({ from: 3, term: 2, last: [2, 2] });
    const server = quietFollower();
    server.now += T - 1;
    expect(sent(server.receive(ask), "requestPreVoteResult")).toMatchObject([{ voteGranted: false }]);
    server.now += 1;
    expect(sent(server.receive(ask), "requestPreVoteResult")).toMatchObject([{ voteGranted: true }]);
  });

  it("takes no notice when others than its leader are lost", () => {
    const server = quietFollower();
    expect(server.turn({ kind: "suspect", peer: 3 }).messages).toEqual([]);
    expect(server.raft.isQuiet).toBe(true);
  });
});

describe("doubts outside a quiet", () => {
  it("change nothing", () => {
    const cluster = awake();
    const before = cluster.running.map(({ effects }) => effects.deadline);
    for (const peer of [1, 2, 3]) cluster.tellLoss(peer);
    expect(cluster.running.map(({ effects }) => effects.deadline)).toEqual(before);
    expect(cluster.network.inFlight).toEqual([]);
  });
});

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

/** How long it takes until somebody else leads. */
function failoverMs(cluster: Cluster, limitMs: number): number {
  const start = cluster.now;
  while (!leaders(cluster).some((id) => id !== 1) && cluster.now - start < limitMs) cluster.run(1);
  return cluster.now - start;
}

describe("a quiet cluster", () => {
  it.each(SEEDS)("whose leader's process ends has another one as soon as ever (seed %d)", (seed) => {
    const cluster = quiet(3, seed);
    cluster.run(seed * 7);
    cluster.crash(1);
    cluster.tellLoss(1);
    expect(failoverMs(cluster, 10 * T)).toBeLessThan(3 * T);
  });

  it.each(SEEDS)("whose leader vanishes without a word has another one four timeouts later (seed %d)", (seed) => {
    const cluster = quiet(3, seed);
    cluster.run(seed * 7);
    cluster.crash(1);
    expect(failoverMs(cluster, 20 * T)).toBeLessThan(7 * T);
  });

  it.each(SEEDS)("holds no election when it wakes, nor when hints are wrong (seed %d)", (seed) => {
    const cluster = quiet(3, seed);
    cluster.run(seed * 11);
    if (seed % 2 === 0) cluster.tellLoss((seed % 3) + 1);
    else cluster.input((seed % 3) + 1, { kind: "suspect", peer: 1 });
    cluster.run(3 * T);
    cluster.propose(1, "b");
    cluster.run(10 * T);
    cluster.read(2 + (seed % 2));
    cluster.run(10 * T);
    expect(leaders(cluster)).toEqual([1]);
    expect(cluster.server(1).raft.currentTerm).toBe(2);
    expect(whoIsQuiet(cluster)).toEqual([1, 2, 3]);
  });

  it.each(SEEDS)("does without any one message of those that wake it (seed %d)", (seed) => {
    const cluster = quiet(3, seed);
    cluster.run(seed * 11);
    let messages = 0;
    cluster.onSend = () => {
      messages += 1;
      return messages !== (seed % 20) + 1;
    };
    const { outcome } = cluster.propose(1, "b");
    expect(outcome?.accepted).toBe(true);
    cluster.run(2 * T);
    expect(cluster.running.map(({ effects }) => effects.applyTo)).toEqual([4, 4, 4]);
    expect(cluster.server(1).raft.currentTerm).toBe(2);
  });

  it("in which a message between quiet servers is lost now and then needs no election", () => {
    const cluster = quiet(3);
    let messages = 0;
    cluster.onSend = () => {
      messages += 1;
      return messages % 7 !== 0;
    };
    cluster.run(400 * T);
    expect(cluster.server(1).raft.currentTerm).toBe(2);
  });
});
