/** The time of the cluster: the same at an entry everywhere, going on whoever leads, and written only when it matters. */

import type { CommittedCommand, CommittedTime, StateMachine } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { Cluster } from "../support/cluster.js";

/** Lines that expire a while after they came. */
class Fading implements StateMachine<string, number> {
  readonly lines: { readonly line: string; readonly expiresAtMs: number }[] = [];
  readonly times: CommittedTime[] = [];
  readonly expiries: { readonly line: string; readonly index: number; readonly timeMs: number }[] = [];

  apply(committed: CommittedCommand<string>): number {
    this.onTime(committed);
    const [line = "", ttlMs = "Infinity"] = committed.command.split(" ");
    this.lines.push({ line, expiresAtMs: committed.timeMs + Number(ttlMs) });
    return committed.timeMs;
  }

  onTime({ index, term, timeMs }: CommittedTime): void {
    this.times.push({ index, term, timeMs });
    for (const each of [...this.lines]) {
      if (each.expiresAtMs > timeMs) continue;
      this.lines.splice(this.lines.indexOf(each), 1);
      this.expiries.push({ line: each.line, index, timeMs });
    }
  }

  nextExpiryMs(): number {
    return Math.min(...this.lines.map(({ expiresAtMs }) => expiresAtMs));
  }
}

async function openCluster(sessionTimeoutMs = 60_000) {
  const machines: Fading[] = [];
  const cluster = await Cluster.open(3, { sessionTimeoutMs }, []);
  for (const id of [1, 2, 3]) {
    const machine = new Fading();
    machines.push(machine);
    await cluster.start(id, { stateMachine: machine });
  }
  return { cluster, machines, world: cluster.world, leader: await cluster.leader() };
}

/** Every entry with a time on every server: the same, and never earlier than the one before. */
function checkTimes(machines: readonly Fading[]): void {
  const [first, ...others] = machines;
  const times = first?.times ?? [];
  for (const other of others) expect(other.times).toEqual(times);
  for (let place = 1; place < times.length; place += 1) {
    expect(times[place]?.timeMs).toBeGreaterThanOrEqual(times[place - 1]?.timeMs ?? Number.NaN);
  }
}

describe("the time of the cluster", () => {
  it("passes as the leader's clock does, and is the same at an entry on every server", async () => {
    const { cluster, machines, world, leader } = await openCluster();
    const before = await world.finish(cluster.propose(leader, "a"));
    await world.run(12_345);
    const after = await world.finish(cluster.propose(1, "b"));
    expect(after - before).toBeGreaterThanOrEqual(12_345);
    expect(after - before).toBeLessThan(12_400);
    await world.run(100);
    checkTimes(machines);
  });

  it("goes on when leaders change, and what expires meanwhile expires at one entry", async () => {
    const { cluster, machines, world, leader } = await openCluster();
    const before = await world.finish(cluster.propose(leader, "fades 3000"));
    const startedAt = world.now;
    await world.run(1000);
    cluster.network.isolate(leader);
    const one = cluster.others(leader)[0] as number;
    await world.until(() => machines[one - 1]?.expiries.length === 1);
    expect(world.now - startedAt).toBeGreaterThanOrEqual(2990);
    expect(world.now - startedAt).toBeLessThan(3100);
    cluster.network.heal();
    await world.run(2000);
    for (const { expiries } of machines) expect(expiries).toEqual(machines[0]?.expiries);
    expect(machines[0]?.expiries[0]?.timeMs).toBeGreaterThanOrEqual(before + 3000);
    checkTimes(machines);
  });

  it("does not go back when all servers restart, and stands still meanwhile", async () => {
    const { cluster, world, leader } = await openCluster();
    await world.run(5000);
    const before = await world.finish(cluster.propose(leader, "a"));
    for (const { node } of cluster.servers) await world.finish(node.close());
    await world.run(1_000_000);
    const machines = [1, 2, 3].map(() => new Fading());
    for (const id of [1, 2, 3]) await cluster.start(id, { stateMachine: machines[id - 1] as Fading });
    const after = await world.finish(cluster.propose(await cluster.leader(), "b"));
    expect(after).toBeGreaterThanOrEqual(before);
    expect(after - before).toBeLessThan(3000);
    await world.run(100);
    checkTimes(machines);
  });

  it("is written soon after something expires, and about once a second while something is to", async () => {
    const { cluster, machines, world, leader } = await openCluster();
    const before = await world.finish(cluster.propose(leader, "fades 2500"));
    const at = machines[0]?.times.length ?? 0;
    await world.run(2600);
    const ticks = (machines[0]?.times ?? []).slice(at).map(({ timeMs }) => timeMs - before);
    expect(ticks).toHaveLength(3);
    expect(ticks[0]).toBeGreaterThanOrEqual(1000);
    expect(ticks[0]).toBeLessThan(1010);
    expect(ticks[2]).toBeGreaterThanOrEqual(2500);
    expect(ticks[2]).toBeLessThan(2510);
  });

  it("is written once for a session that expires", async () => {
    const { cluster, world, leader } = await openCluster(20_000);
    await world.finish(cluster.propose(leader, "stays"));
    await world.run(100);
    const { lastIndex } = cluster.server(leader).node.status();
    await world.run(19_000);
    expect(cluster.server(leader).node.status()).toMatchObject({ lastIndex, sessions: 1 });
    await world.run(1500);
    expect(cluster.server(leader).node.status()).toMatchObject({ lastIndex: lastIndex + 1, sessions: 0 });
  });

  it("is not written when nothing is to expire", async () => {
    const { cluster, world, leader } = await openCluster(2000);
    await world.finish(cluster.propose(leader, "stays"));
    await world.run(5000);
    const { lastIndex, sessions } = cluster.server(leader).node.status();
    expect(sessions).toBe(0);
    await world.run(60_000);
    expect(cluster.server(leader).node.status().lastIndex).toBe(lastIndex);
  });
});

it.each(["throws", "rejects"])(
  "C13: a state machine that %s when it is told the time stops its server",
  async (how) => {
    const cluster = await Cluster.open(1, {}, []);
    const onTime = (): void | Promise<void> => {
      if (how === "rejects") return Promise.reject(new Error("what time?"));
      throw new Error("what time?");
    };
    await cluster.start(1, { stateMachine: { apply: () => 0, onTime } });
    await cluster.leader();
    void cluster.propose(1, "a");
    await cluster.world.until(() => cluster.server(1).node.status().fatal !== null);
    expect(cluster.server(1).node.status().fatal?.code).toBe("STATE_MACHINE_FAILED");
  },
);
