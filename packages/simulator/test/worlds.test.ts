/** What a world notices of the cluster as a whole: each rule broken on purpose, in the production code that it runs. */

import { Raft } from "@quorate/core";
import { RaftNode } from "@quorate/runtime";
import { afterEach, describe, expect, it, vi } from "vitest";
import { explore, type RunReport } from "../src/index.js";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Whatever the first of these runs that breaks found; by `oracle`, if it is named. */
async function firstViolation(seeds: readonly number[], oracle?: string): Promise<RunReport["violation"]> {
  for (const seed of seeds) {
    const { violation } = await explore(seed, { settle });
    if (violation !== null && violation.oracle === (oracle ?? violation.oracle)) return violation;
  }
  return null;
}

const SERVERS = [4, 8, 12, 16, 20, 24, 28, 32];
const MORE_CORES = Array.from({ length: 150 }, (_, place) => 4 * place + 2);
const CORES = [2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 18, 19, 21, 22, 23, 26, 27, 29, 30, 31];

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the world of servers", () => {
  it("servers/progress: a cluster that never elects anybody", async () => {
    const drain = Raft.prototype.drain;
    vi.spyOn(Raft.prototype, "drain").mockImplementation(function (this: Raft) {
      const effects = drain.call(this);
      return { ...effects, messages: effects.messages.filter(({ kind }) => kind !== "requestPreVote") };
    });
    const found = await firstViolation(SERVERS);
    expect(found).toMatchObject({ property: "Progress", oracle: "servers/progress" });
    expect(found?.facts[1]).toContain("No command was executed");
  });

  it("servers/convergence: a follower that applies nothing", async () => {
    const drain = Raft.prototype.drain;
    const applied = new WeakMap<Raft, number>();
    vi.spyOn(Raft.prototype, "drain").mockImplementation(function (this: Raft) {
      const effects = drain.call(this);
      // What it applied while it led stays so.
      if (this.status().id === 1 && this.role !== "leader") return { ...effects, applyTo: applied.get(this) ?? 0 };
      applied.set(this, effects.applyTo);
      return effects;
    });
    const found = await firstViolation([...SERVERS, 36, 40, 44, 48, 52, 56, 60]);
    expect(found).toMatchObject({ property: "Progress", oracle: "servers/convergence" });
    expect(found?.facts[1]).toContain("A command was executed");
  });

  it("servers/no-server-stops: a core that throws", async () => {
    const step = Raft.prototype.step;
    vi.spyOn(Raft.prototype, "step").mockImplementation(function (this: Raft, input, now) {
      if (input.kind === "receive" && input.message.kind === "heartbeat") throw new RangeError("not today");
      return step.call(this, input, now);
    });
    const found = await firstViolation(SERVERS);
    expect(found).toMatchObject({ oracle: "servers/no-server-stops" });
    expect(found?.facts[0]).toContain("not today");
  });

  it("servers/rest: a core that does not notice that its time has come", async () => {
    const step = Raft.prototype.step;
    vi.spyOn(Raft.prototype, "step").mockImplementation(function (this: Raft, input, now) {
      return input.kind === "tick" ? undefined : step.call(this, input, now);
    });
    expect(await firstViolation(SERVERS)).toMatchObject({ oracle: "servers/rest" });
  });

  it("servers/settles: a proposal that is never answered", async () => {
    vi.spyOn(RaftNode.prototype, "read").mockImplementation(() => new Promise(() => undefined));
    expect(await firstViolation(SERVERS)).toMatchObject({ oracle: "servers/settles" });
  });

  it("servers/settles: a node that does not close", async () => {
    vi.spyOn(RaftNode.prototype, "close").mockImplementation(() => new Promise(() => undefined));
    expect(await firstViolation(SERVERS)).toMatchObject({ oracle: "servers/settles" });
  });

  it("servers/counters: a node that counts what is over", async () => {
    const status = RaftNode.prototype.status;
    vi.spyOn(RaftNode.prototype, "status").mockImplementation(function (this: RaftNode<unknown, unknown>) {
      return { ...status.call(this), pendingBytes: 12 };
    });
    const found = await firstViolation([...SERVERS, 36, 40, 44, 48, 52, 56, 60]);
    expect(found).toMatchObject({ oracle: "servers/counters" });
    expect(found?.facts[1]).toContain("12 bytes");
  });

  it("servers/typed-errors: an error without a code", async () => {
    vi.spyOn(RaftNode.prototype, "read").mockRejectedValue(new TypeError("undefined is not a function"));
    const found = await firstViolation(SERVERS);
    expect(found).toMatchObject({ oracle: "servers/typed-errors" });
    expect(found?.facts[1]).toContain("undefined is not a function");
  });

  it("K6: a node that says that nothing was executed, whatever happened", async () => {
    const propose = RaftNode.prototype.propose;
    vi.spyOn(RaftNode.prototype, "propose").mockImplementation(async function (
      this: RaftNode<unknown, unknown>,
      ...asked: Parameters<typeof propose>
    ) {
      await propose.apply(this, asked);
      const { RaftError } = await import("@quorate/contracts");
      throw new RaftError("NO_LEADER", "Said on purpose.");
    });
    expect(await firstViolation(SERVERS)).toMatchObject({ oracle: "outcomes/not-executed" });
  });

  it("J-X1: a node that reads what it has, and asks nobody", async () => {
    const read = RaftNode.prototype.read;
    vi.spyOn(RaftNode.prototype, "read").mockImplementation(function (
      this: RaftNode<unknown, unknown>,
      query,
      options,
    ) {
      return read.call(this, query, { ...options, consistency: "stale" });
    } as typeof read);
    expect(await firstViolation(SERVERS)).toMatchObject({ oracle: "outcomes/real-time" });
  });

  it("servers/linearizability: a node that reads what is no longer there", async () => {
    const read = RaftNode.prototype.read;
    let last: unknown;
    vi.spyOn(RaftNode.prototype, "read").mockImplementation(async function (
      this: RaftNode<unknown, unknown>,
      ...asked: Parameters<typeof read>
    ) {
      const now = (await read.apply(this, asked)) as { readonly length: number; readonly value: string };
      last ??= now.value;
      return { ...now, value: last };
    } as typeof read);
    const found = await firstViolation(SERVERS);
    expect(found).toMatchObject({ oracle: "servers/linearizability" });
    expect(found?.facts[1]).toContain("does not explain");
  });
});

describe("the world of cores", () => {
  it("cores/progress: cores that never elect anybody", async () => {
    const drain = Raft.prototype.drain;
    vi.spyOn(Raft.prototype, "drain").mockImplementation(function (this: Raft) {
      const effects = drain.call(this);
      return { ...effects, messages: effects.messages.filter(({ kind }) => kind !== "requestVoteResult") };
    });
    expect(await firstViolation(CORES)).toMatchObject({ property: "Progress", oracle: "cores/progress" });
  });

  it("cores/read-answered, Q3: a core that forgets what it was asked", async () => {
    const drain = Raft.prototype.drain;
    vi.spyOn(Raft.prototype, "drain").mockImplementation(function (this: Raft) {
      const effects = drain.call(this);
      return { ...effects, reads: effects.reads.filter(({ ready }) => ready) };
    });
    expect(await firstViolation(CORES)).toMatchObject({ oracle: "cores/read-answered" });
  });

  it("cores/convergence, S5: a snapshot whose failure nobody hears of", async () => {
    const step = Raft.prototype.step;
    vi.spyOn(Raft.prototype, "step").mockImplementation(function (this: Raft, input, now) {
      const isOfSnapshot = input.kind === "snapshotFailed" || input.kind === "snapshotInstalled";
      return isOfSnapshot ? undefined : step.call(this, input, now);
    });
    expect(await firstViolation(MORE_CORES, "cores/convergence")).toMatchObject({ property: "Progress" });
  });

  it("cores/no-core-stops: a core that throws", async () => {
    const step = Raft.prototype.step;
    vi.spyOn(Raft.prototype, "step").mockImplementation(function (this: Raft, input, now) {
      if (input.kind === "persisted" && input.seq === 5) throw new RangeError("five is too much");
      return step.call(this, input, now);
    });
    const found = await firstViolation(CORES);
    expect(found).toMatchObject({ oracle: "cores/no-core-stops" });
    expect(found?.facts[0]).toContain("five is too much");
  });
});
