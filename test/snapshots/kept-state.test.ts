/** State machines that keep their state on a disk of their own, and say how far it has come. */

import type { CommittedCommand, StateMachine } from "quorate";
import { describe, expect, it } from "vitest";
import { Cluster, Journal, linesUpTo } from "./cluster.js";

/** What such a state machine has on its disk. */
interface KeptDisk {
  index: number;
  lines: string[];
}

/** Writes to its disk when it is told to, and every third command. */
class KeptJournal extends Journal implements StateMachine<string, number> {
  readonly disk: KeptDisk;
  applied: number[] = [];
  #index = 0;

  constructor(disk: KeptDisk) {
    super();
    this.disk = disk;
  }

  async open(): Promise<number> {
    this.lines = [...this.disk.lines];
    this.#index = this.disk.index;
    return this.disk.index;
  }

  override apply(committed: CommittedCommand<string>): number {
    this.applied.push(committed.index);
    this.#index = committed.index;
    const result = this.lines.push(committed.command);
    if (result % 3 === 0) this.#write();
    return result;
  }

  async sync(): Promise<void> {
    this.#write();
  }

  override async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    await super.restore(pieces);
    this.#index = Number(this.lines.length === 0 ? 0 : this.disk.index);
    this.#write();
  }

  #write(): void {
    this.disk.lines = [...this.lines];
    this.disk.index = this.#index;
  }
}

const SMALL = { snapshotAfterEntries: 10, snapshotKeepEntries: 3 } as const;

async function withKept(disk: KeptDisk): Promise<{ cluster: Cluster; start: () => Promise<KeptJournal> }> {
  const cluster = new Cluster(1, SMALL);
  const start = async (): Promise<KeptJournal> => {
    const journal = new KeptJournal(disk);
    await cluster.start(1, { stateMachine: journal });
    return journal;
  };
  return { cluster, start };
}

describe("a state machine on a disk", () => {
  it("C9: is given only what it has not kept, once", async () => {
    const disk: KeptDisk = { index: 0, lines: [] };
    const { cluster, start } = await withKept(disk);
    await start();
    await cluster.leader();
    await cluster.propose(1, 1, 37);
    await cluster.world.run(50);
    const kept = disk.index;
    cluster.kill(1);
    const journal = await start();
    await cluster.leader();
    await cluster.propose(1, 38, 38);
    expect(journal.lines).toEqual(linesUpTo(38));
    expect(journal.restores).toBe(0);
    expect(journal.applied[0]).toBeGreaterThan(kept);
    expect(cluster.status(1).appliedIndex).toBe(cluster.status(1).commitIndex);
  });

  it("S21: has kept what a snapshot holds before the log goes", async () => {
    const disk: KeptDisk = { index: 0, lines: [] };
    const { cluster, start } = await withKept(disk);
    await start();
    await cluster.leader();
    await cluster.propose(1, 1, 10);
    const { index } = await cluster.world.finish(cluster.server(1).node.snapshot());
    expect(disk.index).toBe(index);
  });

  it("C9: that has lost its disk is restored from the snapshot", async () => {
    const { cluster, start } = await withKept({ index: 0, lines: [] });
    await start();
    await cluster.leader();
    await cluster.propose(1, 1, 37);
    await cluster.world.run(50);
    cluster.kill(1);
    const journal = new KeptJournal({ index: 0, lines: [] });
    await cluster.start(1, { stateMachine: journal });
    await cluster.leader();
    await cluster.propose(1, 38, 38);
    expect(journal.restores).toBe(1);
    expect(journal.lines).toEqual(linesUpTo(38));
  });

  it("C12: that has more than the log has is refused", async () => {
    const { cluster, start } = await withKept({ index: 0, lines: [] });
    await start();
    await cluster.leader();
    await cluster.propose(1, 1, 3);
    cluster.kill(1);
    const journal = new KeptJournal({ index: 99, lines: [] });
    await expect(cluster.start(1, { stateMachine: journal })).rejects.toMatchObject({
      code: "STORAGE_CORRUPT",
      message: expect.stringContaining("has applied up to entry 99, but the log ends at"),
    });
  });
});

describe("a server that starts", () => {
  it("S4: with a log that was compacted and no snapshot storage is refused, and told why", async () => {
    const cluster = new Cluster(1, SMALL);
    await cluster.start(1);
    await cluster.leader();
    await cluster.propose(1, 1, 30);
    await cluster.world.run(50);
    cluster.kill(1);
    await expect(cluster.start(1, { snapshots: undefined })).rejects.toMatchObject({ code: "STORAGE_COMPACTED" });
  });

  it("with a snapshot, and a state machine that cannot restore it, is refused", async () => {
    const cluster = new Cluster(1, SMALL);
    await cluster.start(1);
    await cluster.leader();
    await cluster.propose(1, 1, 30);
    await cluster.world.run(50);
    cluster.kill(1);
    const stateMachine: StateMachine<string, number> = { apply: () => 0 };
    await expect(cluster.start(1, { stateMachine })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });

  it("S20: whose state machine does not read the snapshot to its end is refused", async () => {
    const cluster = new Cluster(1, SMALL);
    await cluster.start(1);
    await cluster.leader();
    await cluster.propose(1, 1, 30);
    await cluster.world.run(50);
    cluster.kill(1);
    class Hasty extends Journal {
      override async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
        for await (const _ of pieces) return;
      }
    }
    await expect(cluster.start(1, { stateMachine: new Hasty() })).rejects.toMatchObject({
      code: "STATE_MACHINE_FAILED",
      message: expect.stringContaining("to its end"),
    });
  });

  it("compacts nothing without `snapshot` and `restore`", async () => {
    const cluster = new Cluster(1, SMALL);
    await cluster.start(1, { stateMachine: { apply: () => 0 } });
    await cluster.leader();
    await cluster.propose(1, 1, 30);
    await cluster.world.run(50);
    expect(cluster.status(1).snapshots).toMatchObject({ index: 0, compactedIndex: 0 });
    await expect(cluster.server(1).node.snapshot()).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });
});
