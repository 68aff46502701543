import { expect, it } from "vitest";
import { Cluster } from "./support/cluster.js";

it("R15", () => {
  const c = new Cluster({ size: 3 });
  c.campaign(1);
  c.settle();
  expect(c.server(1).raft.role).toBe("leader");
  c.propose(1, "a");
  c.settle();
  expect([...c.servers.values()].map((s) => s.raft.commitIndex)).toEqual([3, 3, 3]);
  c.crash(3);
  c.restart(3);
  c.run(1000);
  expect([...c.servers.values()].map((s) => [s.raft.currentTerm, s.raft.commitIndex])).toEqual([
    [2, 3],
    [2, 3],
    [2, 3],
  ]);
});
it("Q2: stale follower read", () => {
  const c = new Cluster({ size: 3 });
  c.campaign(1);
  c.settle();
  c.run(50);
  c.network.hold({ from: 1, to: 3, kind: "readIndexResult" });
  c.read(3);
  c.run(50);
  c.propose(1, "a");
  c.run(30);
  c.read(3);
  c.run(60);
  for (const e of c.network.select({ kind: "readIndexResult" }).slice(0, 1)) c.deliver(e);
  expect(c.reads.map((r) => r.outcome)).toEqual([null, null]);
  for (const e of c.network.select({ kind: "readIndexResult" }).slice(0, 1)) c.deliver(e);
  expect(c.reads.map((r) => r.outcome?.ready)).toEqual([true, true]);
});
