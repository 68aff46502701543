import type { CommandCodec, CommittedCommand, StateMachine } from "@quorate/contracts";
import type { Entry, Raft } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { Applier } from "../src/applier.js";
import { LogCache } from "../src/log-cache.js";
import { LogReader } from "../src/log-reader.js";
import { makeEnvelope } from "../src/sessions/envelope.js";
import { Executor } from "../src/sessions/executor.js";
import { textCodec } from "./support/cluster.js";
import { FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

/** A log of 20 entries: 1 is a membership, 2 a noop, the rest commands of session 1 that say their index. */
function open(
  apply: StateMachine<string, number>["apply"],
  options: {
    cachedFrom?: number;
    codec?: CommandCodec<string, number>;
    keptIndex?: number;
    isWitness?: boolean;
    commandBytes?: number;
  } = {},
) {
  const world = new World();
  const storage = new FakeStorage(world);
  const log: Entry[] = Array.from({ length: 20 }, (_, place) => ({
    index: place + 1,
    term: 1,
    kind: place === 0 ? "membership" : place === 1 ? "noop" : "command",
    data: makeEnvelope(
      "command",
      textCodec.encodeCommand(String(place + 1).padStart(options.commandBytes ?? 0, "0")),
      1,
      place + 1,
    ),
  }));
  storage.disk.entries = [...log];
  const cache = new LogCache(20_000_000, 20);
  const append = log.slice((options.cachedFrom ?? 1) - 1);
  cache.onWrite({ seq: 1, hardState: null, reset: null, truncateFrom: null, append });
  const raft = { termAt: (index: number) => log[index - 1]?.term ?? "beyond" } as unknown as Raft;
  const results: [number, number][] = [];
  const passed: number[] = [];
  const skipped: number[] = [];
  const stretches: number[] = [];
  const failures: unknown[] = [];
  const executor = new Executor<string, number>({
    stateMachine: { apply },
    codec: options.codec ?? textCodec,
    onSessionEnd: () => undefined,
  });
  executor.sessions.open(1, 60_000, false);
  const applier = new Applier<string, number>(
    {
      clock: world.clock,
      reader: new LogReader(cache, storage, raft),
      executor,
      applyBudgetMs: 8,
      isWitness: () => options.isWitness === true,
      onAnswer: (index, _term, answer) => {
        if (answer.kind === "result") results.push([index, answer.result]);
      },
      onPassed: (index) => passed.push(index),
      onSkipped: (index) => skipped.push(index),
      onApplied: (index) => stretches.push(index),
      onFailed: (error) => failures.push(error),
    },
    { appliedIndex: 0, lastCommandIndex: 0, keptIndex: options.keptIndex ?? 0 },
  );
  return { world, storage, applier, results, passed, skipped, stretches, failures };
}

const answer = ({ command }: CommittedCommand<string>): number => 10 * Number(command);

describe("applies", () => {
  it("K15, C6: what is committed, in order, once, and nothing beyond", () => {
    const { applier, results, passed } = open(answer);
    applier.applyTo(5);
    applier.applyTo(5);
    applier.applyTo(3);
    expect(applier.appliedIndex).toBe(5);
    applier.applyTo(6);
    expect(results).toEqual([
      [3, 30],
      [4, 40],
      [5, 50],
      [6, 60],
    ]);
    expect(passed).toEqual([1, 2]);
  });

  it("C10: with the command, its place and the time there, and nothing else", () => {
    const seen: unknown[] = [];
    const { applier } = open((committed) => seen.push(committed));
    applier.applyTo(3);
    expect(seen).toEqual([{ index: 3, term: 1, timeMs: 0, command: "3" }]);
  });

  it("F7: from the storage what is not in the cache", async () => {
    const { world, storage, applier, results, failures } = open(answer, { cachedFrom: 15 });
    applier.applyTo(18);
    expect(results).toEqual([]);
    await world.run(10);
    expect(failures).toEqual([]);
    expect(results.map(([index]) => index)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
    expect(storage.reads).toEqual([{ firstIndex: 1, lastIndex: 18 }]);
  });
});

describe("reads ahead", () => {
  it("F7: one page while another is applied, and what is in the cache not at all", async () => {
    const underWay: number[][] = [];
    const opened = open(
      (committed) => {
        underWay.push([committed.index, ...opened.storage.reads.map(({ firstIndex }) => firstIndex)]);
        return answer(committed);
      },
      { cachedFrom: 8, commandBytes: 600_000 },
    );
    opened.applier.applyTo(9);
    await opened.world.run(100);
    expect(opened.failures).toEqual([]);
    expect(underWay).toEqual([
      [3, 1, 2, 3, 4],
      [4, 1, 2, 3, 4, 5],
      [5, 1, 2, 3, 4, 5, 6],
      [6, 1, 2, 3, 4, 5, 6, 7],
      [7, 1, 2, 3, 4, 5, 6, 7],
      [8, 1, 2, 3, 4, 5, 6, 7],
      [9, 1, 2, 3, 4, 5, 6, 7],
    ]);
  });

  it("P13: what cannot be read stops it where it is needed, and not before", async () => {
    const opened = open(answer, { cachedFrom: 20, commandBytes: 600_000 });
    const read = opened.storage.read.bind(opened.storage);
    opened.storage.read = async (first, ...rest) => {
      if (first === 5) throw new Error("gone");
      return read(first, ...rest);
    };
    opened.applier.applyTo(9);
    await opened.world.run(100);
    expect(opened.results.map(([index]) => index)).toEqual([3, 4]);
    expect(opened.failures).toMatchObject([{ code: "STORAGE_FAILED" }]);
  });
});

describe("F1: the event loop gets its turn", () => {
  it("after no more than eight entries too many, when quick ones become slow ones", () => {
    let world: World | null = null;
    const opened = open((committed) => {
      if (committed.index > 9) world?.stall(3);
      return answer(committed);
    });
    world = opened.world;
    opened.applier.applyTo(20);
    expect(opened.applier.appliedIndex).toBeGreaterThan(11);
    expect(opened.applier.appliedIndex).toBeLessThan(20);
  });

  it("when the budget is used up", async () => {
    let world: World | null = null;
    const opened = open((committed) => {
      world?.stall(3);
      return answer(committed);
    });
    world = opened.world;
    opened.applier.applyTo(20);
    // Commands 3, 4 and 5 take nine milliseconds, and the budget is eight.
    expect(opened.applier.appliedIndex).toBe(5);
    await opened.world.run(100);
    expect(opened.stretches).toEqual([5, 8, 11, 14, 17, 20]);
  });

  it("F18: and no more than that after the end", () => {
    let world: World | null = null;
    const opened = open((committed) => {
      world?.stall(3);
      return answer(committed);
    });
    world = opened.world;
    opened.applier.applyTo(20);
    expect(world.pending).toBe(1);
    opened.applier.stop();
    expect(world.pending).toBe(0);
  });

  it("also when promises are kept at once", async () => {
    let world: World | null = null;
    const opened = open(async (committed) => {
      world?.stall(3);
      return answer(committed);
    });
    world = opened.world;
    opened.applier.applyTo(20);
    await new Promise((resolve) => setImmediate(resolve));
    expect(opened.applier.appliedIndex).toBe(5);
    await opened.world.run(100);
    expect(opened.applier.appliedIndex).toBe(20);
  });
});

it("waits for each promise before the next command", async () => {
  const releases: (() => void)[] = [];
  const { applier, results, world } = open(
    (committed) => new Promise((resolve) => releases.push(() => resolve(answer(committed)))),
  );
  applier.applyTo(4);
  await world.run(1);
  expect([releases.length, applier.appliedIndex]).toEqual([1, 2]);
  releases[0]?.();
  await world.run(1);
  expect([releases.length, applier.appliedIndex]).toEqual([2, 3]);
  releases[1]?.();
  await world.run(1);
  expect(results).toEqual([
    [3, 30],
    [4, 40],
  ]);
});

describe("stops for good", () => {
  const failing = ({ command }: CommittedCommand<string>): number => {
    if (command === "5") throw new Error("no such key");
    return 0;
  };

  it.each<[string, StateMachine<string, number>["apply"]]>([
    ["throws", failing],
    ["rejects", async (committed) => failing(committed)],
  ])("C13: when the state machine %s", async (_, apply) => {
    const { world, applier, failures } = open(apply);
    applier.applyTo(20);
    await world.run(10);
    applier.applyTo(20);
    await world.run(10);
    expect(applier.appliedIndex).toBe(4);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: "STATE_MACHINE_FAILED", cause: new Error("no such key") });
    expect(String(failures[0])).toContain("entry 5");
  });

  it("C11: at a command that cannot be decoded", () => {
    const codec: CommandCodec<string, number> = {
      ...textCodec,
      decodeCommand: (data) => {
        const command = textCodec.decodeCommand(data);
        if (command === "5") throw new Error("unknown kind");
        return command;
      },
    };
    const { applier, failures } = open(answer, { codec });
    applier.applyTo(20);
    expect(applier.appliedIndex).toBe(4);
    expect(failures).toEqual([expect.objectContaining({ code: "STATE_MACHINE_FAILED" })]);
  });

  it("when the log cannot be read", async () => {
    const { world, storage, applier, failures } = open(answer, { cachedFrom: 15 });
    storage.failNextRead = new Error("EIO");
    applier.applyTo(20);
    await world.run(10);
    expect(applier.appliedIndex).toBe(0);
    expect(failures).toEqual([expect.objectContaining({ code: "STORAGE_FAILED" })]);
  });

  it("F18: when it is told to, also while a promise is pending", async () => {
    let release = (): void => undefined;
    const { world, applier, results } = open(
      (committed) =>
        new Promise((resolve) => {
          release = () => resolve(answer(committed));
        }),
    );
    applier.applyTo(20);
    await world.run(1);
    applier.stop();
    release();
    await world.run(10);
    expect(results).toEqual([]);
    expect(world.pending).toBe(0);
  });
});

describe("commands that are not for the state machine", () => {
  it("C9: are those whose effect it has kept", () => {
    const { applier, results, skipped, passed } = open(answer, { keptIndex: 4 });
    applier.applyTo(5);
    expect([passed, skipped, results]).toEqual([[1, 2], [3, 4], [[5, 50]]]);
    expect([applier.appliedIndex, applier.lastCommandIndex]).toEqual([5, 5]);
  });

  it("are all of them on a witness, which has no payloads", () => {
    const { applier, results, skipped } = open(answer, { isWitness: true });
    applier.applyTo(5);
    expect([results, skipped, applier.appliedIndex]).toEqual([[], [3, 4, 5], 5]);
  });
});

describe("S13: the state is looked at between two commands", () => {
  it("at once, if nothing is being applied", () => {
    const { applier } = open(answer);
    applier.applyTo(5);
    const seen: number[] = [];
    applier.atRest(() => seen.push(applier.appliedIndex));
    expect(seen).toEqual([5]);
  });

  it("when the state machine has answered, if it is busy", async () => {
    const { world, applier } = open(async (committed) => {
      if (committed.index === 4) await new Promise<void>((resolve) => world.clock.wakeAt(10, resolve));
      return answer(committed);
    });
    applier.applyTo(6);
    await world.run(5);
    const seen: number[] = [];
    applier.atRest(() => seen.push(applier.appliedIndex));
    expect(seen).toEqual([]);
    await world.run(10);
    expect(seen).toEqual([4]);
    expect(applier.appliedIndex).toBe(6);
  });

  it("C9: not before all is applied that the state machine has kept", () => {
    const { applier } = open(answer, { keptIndex: 5 });
    const seen: number[] = [];
    applier.applyTo(4);
    applier.atRest(() => seen.push(applier.appliedIndex));
    expect(seen).toEqual([]);
    applier.applyTo(5);
    expect(seen).toEqual([5]);
  });
});

describe("another state takes the place of the one that was applied", () => {
  it("and what follows it is applied, once it is in place", async () => {
    const { world, applier, results, stretches } = open(answer);
    applier.applyTo(5);
    let finish: () => void = () => undefined;
    const restored = new Promise<void>((resolve) => {
      finish = resolve;
    });
    applier.replace({ appliedIndex: 15, lastCommandIndex: 14 }, () => restored);
    applier.applyTo(17);
    await world.run(5);
    expect([applier.appliedIndex, applier.isReplacing]).toEqual([5, true]);
    finish();
    await world.run(5);
    expect(results.slice(-2)).toEqual([
      [16, 160],
      [17, 170],
    ]);
    expect([applier.appliedIndex, applier.isReplacing, stretches.at(-1)]).toEqual([17, false, 17]);
  });

  it("after the command that the state machine is busy with", async () => {
    const steps: string[] = [];
    const { world, applier } = open(async (committed) => {
      steps.push(`apply ${committed.index}`);
      if (committed.index === 4) await new Promise<void>((resolve) => world.clock.wakeAt(10, resolve));
      steps.push(`done ${committed.index}`);
      return answer(committed);
    });
    applier.applyTo(9);
    await world.run(5);
    applier.replace({ appliedIndex: 15, lastCommandIndex: 15 }, async () => {
      steps.push("restore");
    });
    await world.run(10);
    expect(steps).toEqual(["apply 3", "done 3", "apply 4", "done 4", "restore"]);
    expect(applier.appliedIndex).toBe(15);
  });

  it("S1: whatever of the old log was being read", async () => {
    const { world, applier, results, failures } = open(answer, { cachedFrom: 16 });
    applier.applyTo(12);
    const restored = new Promise<void>((resolve) => world.clock.wakeAt(5, resolve));
    applier.replace({ appliedIndex: 15, lastCommandIndex: 15 }, () => restored);
    applier.applyTo(17);
    await world.run(10);
    expect(results).toEqual([
      [16, 160],
      [17, 170],
    ]);
    expect(failures).toEqual([]);
  });

  it("S20: and if that fails, nothing more is applied", async () => {
    const { world, applier, failures, results } = open(answer);
    applier.replace({ appliedIndex: 15, lastCommandIndex: 15 }, () => Promise.reject(new Error("broken")));
    applier.applyTo(17);
    await world.run(10);
    expect(failures).toEqual([new Error("broken")]);
    expect(results).toEqual([]);
  });
});
