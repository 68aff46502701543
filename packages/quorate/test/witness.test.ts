/** The real stack, in this process: two servers that do the work, and a witness that has no state machine. */

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type CommittedCommand, type Founder, openNode, type RaftNode, type StateMachine } from "../src/index.js";
import { freeAddresses } from "./free-addresses.js";

class Journal implements StateMachine<string, number> {
  lines: string[] = [];

  apply({ command }: CommittedCommand<string>): number {
    return this.lines.push(command);
  }

  snapshot(): AsyncIterable<Uint8Array> {
    const bytes = new TextEncoder().encode(JSON.stringify(this.lines));
    return (async function* () {
      yield bytes;
    })();
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of pieces) text += decoder.decode(piece, { stream: true });
    this.lines = JSON.parse(text) as string[];
  }
}

type Node = RaftNode<string, number>;

const SECRET = "what only those who keep the state may have";
const COMPACTING = { snapshotAfterEntries: 20, snapshotKeepEntries: 1 };

let root: string;
let addresses: string[];
let nodes: Map<string, Node>;
let journals: Map<string, Journal>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-"));
  addresses = await freeAddresses(3);
  nodes = new Map();
  journals = new Map();
});

afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.close()));
  await rm(root, { recursive: true });
});

function founders(): Record<string, string | Founder> {
  const [a, b, w] = addresses as [string, string, string];
  return { a, b, w: { address: w, role: "witness" } };
}

async function startWorker(id: string, members = founders()): Promise<Node> {
  const stateMachine = new Journal();
  const node = await openNode({ id, members, directory: join(root, id), stateMachine, ...COMPACTING });
  nodes.set(id, node);
  journals.set(id, stateMachine);
  return node;
}

async function startWitness(): Promise<Node> {
  const options = { id: "w", members: founders(), directory: join(root, "w"), role: "witness", ...COMPACTING } as const;
  const node = await openNode<string, number>(options);
  nodes.set("w", node);
  return node;
}

async function stop(id: string): Promise<void> {
  await nodes.get(id)?.close();
  nodes.delete(id);
}

/** Resolves when `node` says that `isSo`. */
function settled(node: Node, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = node.subscribe("members", () => {
      if (!isSo()) return;
      resolve();
      queueMicrotask(() => unsubscribe());
    });
  });
}

/** Everything in the files of server `id`. */
async function bytesOf(id: string): Promise<string> {
  const files = await readdir(join(root, id), { recursive: true, withFileTypes: true });
  const contents = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), "latin1"));
  return (await Promise.all(contents)).join("");
}

it("survive the loss of either of the two that work, over TCP and LevelDB", async () => {
  const witness = await startWitness();
  await Promise.all([startWorker("a"), startWorker("b")]);
  const acknowledged: string[] = [];
  for (const lost of ["a", "b"] as const) {
    for (let line = 0; line < 20; line += 1) {
      const command = `${lost} ${line} ${SECRET}`;
      acknowledged.push(command);
      expect(await witness.propose(command)).toBe(acknowledged.length);
    }
    // What was acknowledged while one is away, only the other one has: see to it that both have it before.
    const other = lost === "a" ? "b" : "a";
    for (const id of ["a", "b"]) expect(await nodes.get(id)?.read(() => journals.get(id)?.lines)).toEqual(acknowledged);
    await stop(lost);
    acknowledged.push(`without ${lost}`);
    expect(await witness.propose(`without ${lost}`)).toBe(acknowledged.length);
    expect(await nodes.get(other)?.read(() => journals.get(other)?.lines)).toEqual(acknowledged);
    await startWorker(lost);
    expect(await nodes.get(lost)?.read(() => journals.get(lost)?.lines)).toEqual(acknowledged);
  }
  await expect(witness.read(() => 1)).rejects.toMatchObject({ code: "WITNESS" });
  expect(witness.status()).toMatchObject({ role: "follower", appliedIndex: expect.any(Number) });
  await stop("w");
  expect(await bytesOf("a")).toContain("without");
  expect(await bytesOf("w")).not.toContain("without");
});

it("a witness that joins late is sent a snapshot without the state", async () => {
  const [a, b, w] = addresses as [string, string, string];
  const [first] = await Promise.all([startWorker("a", { a, b }), startWorker("b", { a, b })]);
  for (let line = 0; line < 60; line += 1) await first.propose(`${line} ${SECRET}`);
  for (const node of nodes.values()) await node.snapshot();
  const witness = await openNode<string, number>({
    ...{ id: "w", listen: w, directory: join(root, "w"), role: "witness", ...COMPACTING },
    join: (request) => first.admit({ ...request, address: w, role: "witness" }),
  });
  nodes.set("w", witness);
  const isIn = (): boolean => witness.members().members.some(({ name, isVoting }) => name === "w" && isVoting);
  await settled(witness, isIn);
  expect(witness.status().snapshots).toMatchObject({ index: expect.any(Number) });
  expect(witness.status().snapshots?.index).toBeGreaterThan(50);
  await first.editMembers((members) => members);
  for (const id of ["a", "b"]) await nodes.get(id)?.read(() => journals.get(id)?.lines);
  // With it one of the two is enough.
  await stop("b");
  expect(await witness.propose("with the witness")).toBe(61);
  await stop("w");
  expect(await bytesOf("w")).not.toContain(SECRET);
});
