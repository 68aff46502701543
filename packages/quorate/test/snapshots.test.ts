/** Snapshots of real servers: over TCP, in files, of a size at which a mistake would show as an election. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterEach, expect, it } from "vitest";
import { type CommittedCommand, openNode, type RaftNode, type StateMachine } from "../src/index.js";
import { freeAddresses } from "./free-addresses.js";

const MIB = 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

/** Counts, and carries a body of so many bytes through every snapshot. */
class HeavyCounter implements StateMachine<number, number> {
  sum = 0;
  bodyBytes: number;
  restoredBytes = 0;

  constructor(bodyBytes: number) {
    this.bodyBytes = bodyBytes;
  }

  apply({ command }: CommittedCommand<number>): number {
    this.sum += command;
    return this.sum;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return heavyPieces(this.sum, this.bodyBytes);
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let first: Uint8Array = new Uint8Array(0);
    let bytes = 0;
    for await (const piece of pieces) {
      if (first.length < 8) first = Buffer.concat([first, piece]);
      bytes += piece.length;
    }
    this.sum = Buffer.from(first).readDoubleBE(0);
    this.restoredBytes = bytes;
  }
}

async function* heavyPieces(sum: number, bodyBytes: number): AsyncGenerator<Uint8Array> {
  const head = Buffer.alloc(8);
  head.writeDoubleBE(sum);
  yield head;
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  for (let at = 0; at < bodyBytes; at += PIECE_BYTES) yield piece;
}

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "quorate-snapshots-"));
  ends.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function open(directory: string, id: string, members: Record<string, string>, machine: HeavyCounter) {
  const node = await openNode<number, number>({
    id,
    members,
    directory: join(directory, id),
    stateMachine: machine,
    snapshotAfterEntries: 1000,
    snapshotKeepEntries: 10,
    heartbeatIntervalMs: 100,
    electionTimeoutMs: 1500,
  });
  ends.push(() => node.close());
  return node;
}

/** Resolves when `isSo`, which is looked at on every change of the node and after every answer. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

it("S4: a server that starts again goes on from its snapshot in files, and the log behind it", async () => {
  const directory = await temporaryDirectory();
  const members = Object.fromEntries((await freeAddresses(1)).map((address) => ["a", address]));
  const first = await open(directory, "a", members, new HeavyCounter(MIB));
  for (let each = 1; each <= 30; each += 1) await first.propose(each);
  const { index } = await first.snapshot();
  for (let each = 31; each <= 40; each += 1) await first.propose(each);
  expect(first.status().snapshots).toMatchObject({ index, compactedIndex: index - 10 });
  await first.close();
  const machine = new HeavyCounter(MIB);
  const second = await open(directory, "a", members, machine);
  expect(await second.read(() => machine.sum)).toBe((40 * 41) / 2);
  expect(machine.restoredBytes).toBe(MIB + 8);
});

it("S8: 64 MiB go to a server that was away, under load, with flat memory and no election", {
  timeout: 120_000,
}, async () => {
  const sizeBytes = 64 * MIB;
  const directory = await temporaryDirectory();
  const addresses = await freeAddresses(3);
  const members = Object.fromEntries(["a", "b", "c"].map((name, place) => [name, addresses[place] as string]));
  const nodes: RaftNode<number, number>[] = [];
  for (const name of ["a", "b"]) nodes.push(await open(directory, name, members, new HeavyCounter(sizeBytes)));
  const [one, other] = nodes as [RaftNode<number, number>, RaftNode<number, number>];
  for (let each = 0; each < 50; each += 1) await one.propose(1);
  const leader = one.status().role === "leader" ? one : other;
  await leader.snapshot();
  expect(leader.status().snapshots?.compactedIndex).toBeGreaterThan(10);

  const { currentTerm } = leader.status();
  const before = process.memoryUsage().rss;
  let highest = before;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const machine = new HeavyCounter(sizeBytes);
  const late = await open(directory, "c", members, machine);
  let proposed = 50;
  while (machine.restoredBytes === 0) {
    await leader.propose(1);
    proposed += 1;
    highest = Math.max(highest, process.memoryUsage().rss);
  }
  await until(() => late.status().appliedIndex >= leader.status().commitIndex);
  delay.disable();
  expect(machine.restoredBytes).toBe(sizeBytes + 8);
  expect(machine.sum).toBe(proposed);
  expect(leader.status().currentTerm).toBe(currentTerm);
  expect(highest - before).toBeLessThan(sizeBytes);
  expect(delay.max / 1e6).toBeLessThan(1000);
});
