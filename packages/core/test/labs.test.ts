/**
 * What the labs of a well-known course ask of a Raft (MIT 6.5840; the ids are those of `docs/rules.md`), where no scenario
 * tells it already. The invariants are checked after every turn, as in all clusters here.
 */

import { describe, expect, it } from "vitest";
import { type NodeId, Random } from "../src/index.js";
import { Cluster } from "./support/cluster.js";
import { bytes } from "./support/entries.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS } from "./support/server.js";

const SECOND_MS = 10 * ELECTION_TIMEOUT_MS;

function ids(size: number): NodeId[] {
  return Array.from({ length: size }, (_, place) => place + 1);
}

function shuffled(random: Random, list: readonly NodeId[]): NodeId[] {
  const result: NodeId[] = [];
  for (const id of list) result.splice(Math.floor(random.between(0, result.length + 1)), 0, id);
  return result;
}

/** Those who lead the highest term among `among`. */
function leadersOf(cluster: Cluster, among: readonly NodeId[]): NodeId[] {
  const leaders = cluster.running.filter(({ id, raft }) => among.includes(id) && raft.role === "leader");
  const term = Math.max(...leaders.map(({ raft }) => raft.currentTerm));
  return leaders.flatMap(({ id, raft }) => (raft.currentTerm === term ? [id] : []));
}

/** Someone among `among` leads, takes a command, and has it on all of them. */
function agree(cluster: Cluster, among: readonly NodeId[], text: string): number {
  cluster.run(4 * ELECTION_TIMEOUT_MS);
  const [leader] = leadersOf(cluster, among);
  if (leader === undefined) throw new Error(`nobody leads ${among.join(", ")}`);
  const { outcome } = cluster.propose(leader, text);
  if (outcome?.accepted !== true) throw new Error("the leader refused a command");
  cluster.run(4 * HEARTBEAT_INTERVAL_MS);
  for (const id of among) expect(cluster.server(id).raft.commitIndex).toBeGreaterThanOrEqual(outcome.firstIndex);
  expect(cluster.invariants.committed[outcome.firstIndex - 1]?.entry.data).toEqual(bytes(text));
  return outcome.firstIndex;
}

function partitionAway(cluster: Cluster, away: readonly NodeId[]): void {
  cluster.network.heal();
  for (const id of away) cluster.partition([id]);
}

function stop(cluster: Cluster, id: NodeId, completing = Number.POSITIVE_INFINITY): void {
  cluster.crash(id, Math.min(completing, cluster.server(id).disk.pending.length));
}

describe("elections", () => {
  it("M-A2: a leader that is cut off is followed by another, and does not disturb it when it is back", () => {
    const cluster = new Cluster({ size: 3 });
    agree(cluster, ids(3), "a");
    const [first] = leadersOf(cluster, ids(3)) as [NodeId];
    partitionAway(cluster, [first]);
    const others = ids(3).filter((id) => id !== first);
    agree(cluster, others, "b");
    const [second] = leadersOf(cluster, others) as [NodeId];
    cluster.network.heal();
    const { currentTerm } = cluster.server(second).raft;
    cluster.run(SECOND_MS);
    expect(leadersOf(cluster, ids(3))).toEqual([second]);
    expect(cluster.server(second).raft.currentTerm).toBe(currentTerm);
    // Nobody leads without a majority.
    partitionAway(cluster, ids(3));
    cluster.run(SECOND_MS);
    expect(cluster.running.filter(({ raft }) => raft.role === "leader")).toEqual([]);
    cluster.network.heal();
    agree(cluster, ids(3), "c");
  });

  it("M-A3: seven servers, of which three others are cut off in each of nine rounds, always have a leader", () => {
    const random = new Random(3);
    const cluster = new Cluster({ size: 7 });
    for (let round = 0; round < 9; round += 1) {
      const away = shuffled(random, ids(7)).slice(0, 3);
      partitionAway(cluster, away);
      cluster.run(SECOND_MS);
      const connected = ids(7).filter((id) => !away.includes(id));
      expect(leadersOf(cluster, connected)).toHaveLength(1);
      agree(cluster, connected, `round ${round}`);
    }
  });
});

describe("logs", () => {
  it("M-B1, M-B7: commands follow one another, also those that come at once", () => {
    const cluster = new Cluster({ size: 3 });
    const first = agree(cluster, ids(3), "1");
    expect([agree(cluster, ids(3), "2"), agree(cluster, ids(3), "3")]).toEqual([first + 1, first + 2]);
    const [leader] = leadersOf(cluster, ids(3)) as [NodeId];
    const asked = ids(5).map((number) => cluster.propose(leader, `at once ${number}`));
    cluster.run(4 * HEARTBEAT_INTERVAL_MS);
    const places = asked.map(({ outcome }) => (outcome?.accepted === true ? outcome.firstIndex : 0));
    expect(places).toEqual(ids(5).map((number) => first + 2 + number));
    for (const { raft } of cluster.running) expect(raft.commitIndex).toBe(first + 7);
  });

  it("M-B2: each command goes to each follower once", () => {
    const cluster = new Cluster({ size: 3 });
    agree(cluster, ids(3), "warm");
    let sent = 0;
    cluster.onSend = (message) => {
      if (message.kind === "appendEntries") sent += message.entries.length;
      return true;
    };
    for (let count = 0; count < 10; count += 1) agree(cluster, ids(3), "x".repeat(5_000));
    expect(sent).toBe(2 * 10);
  });

  it("M-B3, M-B4: what is asked of a minority is never committed there", () => {
    for (const losesLeader of [false, true]) {
      const cluster = new Cluster({ size: 3 });
      agree(cluster, ids(3), "all");
      let left = ids(3);
      const lose = (): void => {
        const [leader] = leadersOf(cluster, left);
        const lost = left.find((id) => (id === leader) === losesLeader) as NodeId;
        left = left.filter((id) => id !== lost);
        partitionAway(
          cluster,
          ids(3).filter((id) => !left.includes(id)),
        );
      };
      lose();
      agree(cluster, left, "two of three");
      lose();
      const { highestCommit } = cluster.invariants;
      for (const id of ids(3)) cluster.propose(id, "doomed");
      cluster.run(SECOND_MS);
      expect(cluster.invariants.highestCommit).toBe(highestCommit);
    }
  });

  it("M-B5: a follower that was away during some commands catches up, and takes part", () => {
    const cluster = new Cluster({ size: 3 });
    agree(cluster, ids(3), "all");
    const [leader] = leadersOf(cluster, ids(3)) as [NodeId];
    const away = ids(3).find((id) => id !== leader) as NodeId;
    partitionAway(cluster, [away]);
    const others = ids(3).filter((id) => id !== away);
    for (const text of ["1", "2", "3", "4"]) agree(cluster, others, text);
    cluster.network.heal();
    agree(cluster, ids(3), "5");
    partitionAway(cluster, [others.find((id) => id !== leader) as NodeId]);
    agree(cluster, [leader, away], "6");
  });

  it("M-B10: few messages: for an election, for entries, and at rest", () => {
    const cluster = new Cluster({ size: 3 });
    let sent = 0;
    cluster.onSend = () => {
      sent += 1;
      return true;
    };
    cluster.run(3 * ELECTION_TIMEOUT_MS);
    expect(sent).toBeLessThanOrEqual(60);
    const [leader] = leadersOf(cluster, ids(3)) as [NodeId];
    sent = 0;
    for (let count = 0; count < 10; count += 1) cluster.propose(leader, `${count}`);
    cluster.settle();
    // A request and its answer are two; the last word tells how far all is committed.
    expect(sent).toBeLessThanOrEqual(2 * (10 + 1 + 3) * 3);
    sent = 0;
    cluster.run(SECOND_MS);
    // A heartbeat and an answer for each of two followers.
    expect(sent).toBeLessThanOrEqual(4 * (SECOND_MS / HEARTBEAT_INTERVAL_MS + 1));
  });
});

describe("crashes", () => {
  it("M-C2: five servers, of which two stop, then the others, and come back in another order", () => {
    const cluster = new Cluster({ size: 5 });
    for (let round = 0; round < 5; round += 1) {
      agree(cluster, ids(5), `all ${round}`);
      const order = ids(5).map((id) => ((id + round) % 5) + 1);
      const [two, three] = [order.slice(0, 2), order.slice(2)];
      for (const id of two) stop(cluster, id);
      agree(cluster, three, `three ${round}`);
      for (const id of three) stop(cluster, id);
      for (const id of two) cluster.restart(id);
      cluster.run(SECOND_MS);
      cluster.restart(three[round % 3] as NodeId);
      agree(cluster, [...two, three[round % 3] as NodeId], `two and one ${round}`);
      for (const id of three) if (cluster.down.has(id)) cluster.restart(id);
    }
    agree(cluster, ids(5), "end");
  });

  it.each([
    ["M-C4: Figure 8", 0],
    ["M-C6: Figure 8", 10],
  ] as const)("%s: leaders die after they took a command (every %ith message is lost)", (_, lossEvery) => {
    const random = new Random(8);
    const cluster = new Cluster({ size: 5 });
    let sent = 0;
    cluster.onSend = () => {
      sent += 1;
      return lossEvery === 0 || sent % lossEvery !== 0;
    };
    for (let round = 0; round < 1_000; round += 1) {
      for (const { id, raft } of cluster.running) {
        if (raft.role !== "leader") continue;
        cluster.propose(id, `${round}`);
        if (random.between(0, 1) < 0.5) stop(cluster, id, Math.floor(random.between(0, 2)));
      }
      cluster.run(random.between(0, 1) < 0.1 ? random.between(0, 2 * ELECTION_TIMEOUT_MS) : random.between(0, 13));
      const down = [...cluster.down];
      if (cluster.running.length < 3) cluster.restart(down[Math.floor(random.between(0, down.length))] as NodeId);
    }
    cluster.onSend = () => true;
    for (const id of [...cluster.down]) cluster.restart(id);
    agree(cluster, ids(5), "end");
    expect(cluster.invariants.leaders.size).toBeGreaterThan(5);
  });

  it("M-C5: a network that loses every tenth message, and fifty times five commands at once", () => {
    const cluster = new Cluster({ size: 5 });
    let sent = 0;
    cluster.onSend = () => {
      sent += 1;
      return sent % 10 !== 0;
    };
    cluster.run(4 * ELECTION_TIMEOUT_MS);
    for (let round = 0; round < 50; round += 1) {
      const [leader] = leadersOf(cluster, ids(5));
      if (leader !== undefined) for (const number of ids(5)) cluster.propose(leader, `${round} ${number}`);
      cluster.run(HEARTBEAT_INTERVAL_MS);
    }
    cluster.onSend = () => true;
    const last = agree(cluster, ids(5), "end");
    expect(last).toBeGreaterThan(200);
    for (const { raft } of cluster.running) expect(raft.commitIndex).toBeGreaterThanOrEqual(last);
  });
});
