/** How long operators wait for what they order, and what they are told then: on fakes, where time is the test's. */

import type { RaftError } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { adding, type RaftNode, removing, updating } from "../src/index.js";
import { Cluster } from "./support/cluster.js";
import { FakeSnapshotStorage } from "./support/fake-snapshot-storage.js";

type Node = RaftNode<string, number>;

/** Counts the listeners that are left. */
class Signal {
  aborted = false;
  reason: unknown;
  readonly listeners = new Set<() => void>();

  addEventListener(_type: "abort", listener: () => void): void {
    this.listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.listeners.delete(listener);
  }

  abort(reason: unknown): void {
    this.aborted = true;
    this.reason = reason;
    for (const listener of [...this.listeners]) listener();
  }
}

const ORDERS: readonly [string, (node: Node, signal: Signal) => Promise<unknown>][] = [
  ["changeMembers", (node, signal) => node.changeMembers({ members: node.members().members, signal })],
  ["editMembers", (node, signal) => node.editMembers(updating("n1", { priority: 3 }), { signal })],
  ["admit", (node, signal) => node.admit({ name: "n9", address: "n9", role: "learner" }, { signal })],
  ["transferLeadership", (node, signal) => node.transferLeadership({ signal })],
  ["raiseFeatureLevels", (node, signal) => node.raiseFeatureLevels({ signal })],
];

describe.each(ORDERS)("K9: the signal of %s", (name, order) => {
  it("that is aborted already ends it before anything is done", async () => {
    const cluster = await Cluster.open(3);
    const { node } = cluster.server(await cluster.leader());
    const { version } = node.members();
    const signal = new Signal();
    signal.abort("not wanted");
    const error = await cluster.world.failure(order(node, signal));
    expect(error).toMatchObject({ code: "ABORTED", outcome: "not-executed", cause: "not wanted" });
    await cluster.world.run(500);
    expect(node.members().version).toBe(version);
  });

  it("ends it while no leader can be asked, and certainly nothing was done", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const { node } = cluster.server(1);
    const signal = new Signal();
    const waiting = cluster.world.failure(order(node, signal));
    await cluster.world.run(600);
    signal.abort("no patience");
    expect(await waiting).toMatchObject({ code: "ABORTED", outcome: "not-executed", cause: "no patience" });
    expect(signal.listeners.size).toBe(0);
  });

  it("ends it once it is under way, which may still happen", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [asked] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.propose(asked, "so that the leader may change members"));
    cluster.network.fate = ({ kind }) => (kind === "adminResult" ? "drop" : "deliver");
    if (name !== "transferLeadership") cluster.network.isolate(cluster.others(leader)[1] as number);
    const signal = new Signal();
    const waiting = cluster.world.failure(order(cluster.server(asked).node, signal));
    await cluster.world.until(() => cluster.network.sent.some(({ kind }) => kind === "adminRequest"));
    signal.abort("enough");
    const error = (await waiting) as RaftError;
    expect(error).toMatchObject({ code: "ABORTED_UNDER_WAY", outcome: "unknown", cause: "enough" });
    expect(error.advice).toContain("may still be executed");
    expect(signal.listeners.size).toBe(0);
  });

  it("leaves no listener behind when it is done", async () => {
    const cluster = await Cluster.open(3);
    const { node } = cluster.server(await cluster.leader());
    const signal = new Signal();
    await cluster.world.finish(order(node, signal));
    expect(signal.listeners.size).toBe(0);
  });
});

describe("the deadline of an order", () => {
  it("says what stood in the way, not that there was no leader", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "so that it may change members"));
    const { node } = cluster.server(leader);
    cluster.network.fate = ({ kind }) => (kind === "appendEntriesResult" ? "drop" : "deliver");
    const first = cluster.world.failure(node.editMembers(updating("n1", { address: "one" })));
    await cluster.world.run(10);
    const second = node.editMembers(updating("n2", { address: "two" }), { timeoutMs: 120 });
    const error = await cluster.world.failure(second);
    expect(error).toMatchObject({ code: "CHANGE_PENDING", outcome: "not-executed" });
    expect(String(error)).toContain("no time to try again");
    await cluster.world.finish(node.close());
    expect(await first).toMatchObject({ code: "CLOSED_UNDER_WAY" });
  });

  it("M22: a change whose server never comes goes on when its caller has given up, and can be called off", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    const signal = new Signal();
    const change = cluster.world.failure(
      node.editMembers(adding({ name: "n2", address: "n2", role: "voter" }), { signal }),
    );
    await cluster.world.until(() => node.members().phase === "catchingUp");
    signal.abort(undefined);
    expect(await change).toMatchObject({ code: "ABORTED_UNDER_WAY" });
    expect(node.members().phase).toBe("catchingUp");
    expect((await cluster.world.finish(node.editMembers(removing("n2")))).members).toHaveLength(1);
  });
});

describe("K6: what may have been done", () => {
  it("is not told to be not executed when it cannot be done once more", async () => {
    const cluster = await Cluster.open(1);
    await cluster.leader();
    const { node } = cluster.server(1);
    const add = adding({ name: "n2", address: "n2", role: "voter" });
    let wants = add;
    const edit = cluster.world.failure(node.editMembers((members) => wants(members)));
    await cluster.world.until(() => node.members().committed.members.length === 2);
    wants = () => [];
    await cluster.world.finish(node.editMembers(removing("n2")));
    expect(await edit).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      outcome: "unknown",
      cause: { code: "INVALID_MEMBERS" },
    });
  });

  it("is not told to be done by a server that knows no members yet", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const gone = cluster.others(leader)[0] as number;
    cluster.network.fate = (message) =>
      message.to === 4 && (message.kind === "appendEntries" || message.kind === "adminResult") ? "drop" : "deliver";
    const { node } = await cluster.join(4, leader);
    await cluster.world.until(() => node.status().leaderId === leader);
    let isDone = false;
    const edit = node.editMembers(removing(`n${gone}`)).then(() => {
      isDone = true;
    });
    await cluster.world.run(1000);
    cluster.network.fate = ({ kind, to }) => (to === 4 && kind === "appendEntries" ? "drop" : "deliver");
    await cluster.world.run(1000);
    expect(isDone).toBe(false);
    cluster.network.fate = () => "deliver";
    await cluster.world.finish(edit);
    const { members } = cluster.server(leader).node.members();
    expect(members.map(({ id }) => id)).not.toContain(gone);
  });

  it("M23: is told to be replaced when its answer was lost and another change came after it", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const { node } = cluster.server(leader);
    const { version, members } = node.members();
    const kept = members.map(({ name, address, role }) => ({ name, address, role }));
    cluster.network.fate = ({ kind }) => (kind === "adminResult" ? "drop" : "deliver");
    const change = cluster.world.failure(
      cluster.server(follower).node.changeMembers({ members: kept.map((each) => ({ ...each, priority: 1 })), version }),
    );
    await cluster.world.until(() => node.members().committed.members.every(({ priority }) => priority === 1));
    await cluster.world.finish(node.editMembers(updating("n1", { priority: 2 })));
    cluster.network.fate = () => "deliver";
    expect(await change).toMatchObject({
      code: "CHANGE_REPLACED",
      outcome: "unknown",
      cause: { code: "MEMBERS_CHANGED" },
    });
  });
});

describe("snapshot", () => {
  async function held(): Promise<{ cluster: Cluster; node: Node; release: () => void }> {
    const snapshots = new FakeSnapshotStorage();
    let release = (): void => undefined;
    snapshots.gate = new Promise((resolve) => {
      release = resolve;
    });
    const stateMachine = {
      apply: () => 1,
      async *snapshot() {
        yield new Uint8Array(3);
      },
      restore: async () => undefined,
    };
    const cluster = await Cluster.open(1, { snapshots, stateMachine });
    await cluster.leader();
    await cluster.world.finish(cluster.propose(1, "a line"));
    return { cluster, node: cluster.server(1).node, release };
  }

  it("K9: is waited for as long as the caller says, and goes on", async () => {
    const { cluster, node, release } = await held();
    const late = await cluster.world.failure(node.snapshot({ timeoutMs: 50 }));
    expect(late).toMatchObject({ code: "SNAPSHOT_UNDER_WAY", outcome: "unknown" });
    const signal = new Signal();
    const second = cluster.world.failure(node.snapshot({ signal }));
    await cluster.world.run(10);
    signal.abort("enough");
    expect(await second).toMatchObject({ code: "ABORTED_UNDER_WAY", cause: "enough" });
    expect(await cluster.world.failure(node.snapshot({ signal }))).toMatchObject({ code: "ABORTED" });
    expect(node.status().snapshots).toMatchObject({ isTaking: true });
    release();
    const { index } = await cluster.world.finish(node.snapshot({ timeoutMs: 1000, signal: new Signal() }));
    expect(index).toBe(node.status().appliedIndex);
    await cluster.world.finish(node.close());
    expect(cluster.world.pending).toBe(0);
  });

  it("F15: a time that cannot be is refused", async () => {
    const { node } = await held();
    await expect(node.snapshot({ timeoutMs: 0 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });
});
