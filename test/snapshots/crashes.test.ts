import { expect, it } from "vitest";
import { Cluster, linesUpTo } from "./cluster.js";

const SMALL = { snapshotAfterEntries: 10, snapshotKeepEntries: 3, snapshotChunkBytes: 64 } as const;

it.each([false, true])(
  "S4, S16, S21: a crash at any step of the disk loses nothing (write under way kept: %s)",
  async (kept) => {
    let deaths = 0;
    for (let step = 1; ; step += 1) {
      const cluster = new Cluster(1, SMALL);
      const machine = cluster.machine(1);
      machine.diesAt = step;
      machine.keepsWriteUnderWay = kept;
      let acknowledged = 0;
      const server = await cluster.start(1);
      if (server !== null) {
        for (let line = 1; line <= 25 && machine.server !== null; line += 1) {
          let isDone = false;
          server.node.propose(`line ${line}`, { timeoutMs: 30_000 }).then(
            () => {
              isDone = true;
            },
            () => undefined,
          );
          await cluster.world.until(() => isDone || machine.server === null);
          if (isDone) acknowledged = line;
        }
        await cluster.world.run(50);
      }
      const hasDied = machine.server === null;
      machine.diesAt = 0;
      if (hasDied) await cluster.start(1);
      await cluster.leader();
      await cluster.propose(1, 900, 900);
      const { lines } = cluster.server(1).journal;
      expect(lines.slice(0, acknowledged)).toEqual(linesUpTo(acknowledged));
      expect(lines.length).toBeLessThanOrEqual(acknowledged + 2);
      expect(cluster.warnings).toEqual([]);
      if (!hasDied) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(35);
  },
);

it.each([false, true])(
  "S1, S4, S20: a crash at any step of taking one in is mended (write under way kept: %s)",
  async (kept) => {
    let deaths = 0;
    for (let step = 1; ; step += 1) {
      const cluster = new Cluster(3, SMALL);
      await cluster.startAll();
      await cluster.leader();
      await cluster.world.until(() => cluster.status(3).appliedIndex > 0);
      cluster.kill(3);
      const leader = await cluster.leader();
      await cluster.propose(leader, 1, 30);
      const machine = cluster.machine(3);
      machine.diesAt = machine.steps + step;
      machine.keepsWriteUnderWay = kept;
      await cluster.start(3);
      await cluster.world.until(() => machine.server === null || machine.server.journal.lines.length === 30);
      await cluster.propose(leader, 31, 32);
      await cluster.world.run(20);
      const hasDied = machine.server === null;
      machine.diesAt = 0;
      if (hasDied) await cluster.start(3);
      await cluster.world.until(() => cluster.server(3).journal.lines.length === 32);
      expect(cluster.server(3).journal.lines).toEqual(linesUpTo(32));
      expect(cluster.status(3).fatal).toBeNull();
      if (!hasDied) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(8);
  },
);
