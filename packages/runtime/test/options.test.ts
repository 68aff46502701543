import { RaftError } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { RaftNode, type Tuning } from "../src/index.js";
import { checkIdentityOptions, settingsOf } from "../src/options.js";
import { Journal, textCodec } from "./support/cluster.js";
import { FakeNetwork, FakeTransport } from "./support/fake-network.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

function refusal(run: () => unknown): RaftError {
  try {
    run();
  } catch (error) {
    if (error instanceof RaftError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

const SIZES_AND_TIMES = [
  "heartbeatIntervalMs",
  "electionTimeoutMs",
  "storageStallMs",
  "proposeTimeoutMs",
  "readTimeoutMs",
  "maxCommandBytes",
  "maxPendingBytes",
  "logCacheBytes",
  "maxAppendBytes",
  "maxInflightBytes",
  "applyBudgetMs",
] as const;

describe("F15: settings that cannot work are refused by name", () => {
  it.each(SIZES_AND_TIMES)("%s", (name) => {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "50" as unknown as number]) {
      const error = refusal(() => settingsOf({ [name]: value }));
      expect(error.code).toBe("INVALID_OPTIONS");
      expect(error.message).toContain(`${name} must be`);
    }
  });

  it.each<[string, Tuning]>([
    ["heartbeatIntervalMs (100) must be at most a third", { heartbeatIntervalMs: 100, electionTimeoutMs: 250 }],
    ["storageStallMs (200) must be at least", { storageStallMs: 200 }],
    ["applyBudgetMs (60) must be at most", { applyBudgetMs: 60 }],
    ["maxCommandBytes (2000) must be at most", { maxCommandBytes: 2000, maxPendingBytes: 1000 }],
    ["maxAppendBytes (2000) must be at most", { maxAppendBytes: 2000, maxInflightBytes: 1000 }],
  ])("%s", (message, tuning) => {
    const error = refusal(() => settingsOf(tuning));
    expect(error.code).toBe("INVALID_OPTIONS");
    expect(error.message).toContain(message);
  });

  it("the defaults can work, and follow from what is given", () => {
    expect(settingsOf({})).toMatchObject({ heartbeatIntervalMs: 50, electionTimeoutMs: 250, applyBudgetMs: 8 });
    expect(settingsOf({ heartbeatIntervalMs: 4, electionTimeoutMs: 20 })).toMatchObject({
      applyBudgetMs: 4,
      storageStallMs: 160,
    });
  });

  it.each([
    ["id", { id: "", seed: 1 }],
    ["seed", { id: "n1", seed: 0.5 }],
    ["groupId", { id: "n1", seed: 1, groupId: -1 }],
    ["stateMachine", { id: "n1", seed: 1 }],
    ["stateMachine", { id: "n1", seed: 1, role: "witness", stateMachine: new Journal() }],
    ["role", { id: "n1", seed: 1, role: "voter", stateMachine: new Journal() }],
  ])("%s", (name, options) => {
    const error = refusal(() => checkIdentityOptions(options));
    expect(error.code).toBe("INVALID_OPTIONS");
    expect(error.message).toContain(name);
  });

  it("by `open`, which then leaves nothing open and nothing stored", async () => {
    const world = new World();
    const storage = new FakeStorage(world);
    const transport = new FakeTransport(new FakeNetwork(world), "n1");
    const opened = RaftNode.open<string, number>({
      id: "n1",
      bootstrap: { clusterId: "test", members: [{ name: "n1", address: "n1" }] },
      storage,
      transport,
      stateMachine: new Journal(),
      codec: textCodec,
      clock: world.clock,
      seed: 1,
      heartbeatIntervalMs: 250,
    });
    await expect(opened).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    expect(storage.isClosed && transport.isClosed).toBe(true);
    expect(storage.disk.identity).toBeNull();
  });
});
