/** The real stack, all in this process: three servers over TCP, on LevelDB. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type CommittedCommand,
  type Founder,
  type NodeStatus,
  openNode,
  type RaftNode,
  type StateMachine,
} from "../src/index.js";
import { freeAddresses } from "./free-addresses.js";

interface Put {
  readonly key: string;
  readonly value: string;
}

/** Answers with what was there before. */
class Store implements StateMachine<Put, string | null> {
  readonly values = new Map<string, string>();

  apply({ command: { key, value } }: CommittedCommand<Put>): string | null {
    const before = this.values.get(key) ?? null;
    this.values.set(key, value);
    return before;
  }
}

type StoreNode = RaftNode<Put, string | null>;

const NAMES = ["a", "b", "c"] as const;

let root: string;
let members: Record<string, string>;
const nodes = new Map<string, StoreNode>();
const stores = new Map<string, Store>();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-"));
  const addresses = await freeAddresses(3);
  members = Object.fromEntries(NAMES.map((name, place) => [name, addresses[place] as string]));
});

afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.close()));
  nodes.clear();
  stores.clear();
  await rm(root, { recursive: true });
});

async function start(id: string): Promise<StoreNode> {
  const stateMachine = new Store();
  const node = await openNode({ id, members, directory: join(root, id), stateMachine });
  nodes.set(id, node);
  stores.set(id, stateMachine);
  return node;
}

async function stop(id: string): Promise<void> {
  await nodes.get(id)?.close();
  nodes.delete(id);
}

/** Waits until `node` knows a leader that is not `not`. */
function leaderOf(node: StoreNode, not?: string): Promise<string> {
  return new Promise((resolve) => {
    const unsubscribe = node.subscribe("leader", ({ leaderName }) => {
      if (leaderName === null || leaderName === not) return;
      resolve(leaderName);
      queueMicrotask(() => unsubscribe());
    });
  });
}

function read(id: string, key: string): Promise<string | undefined> {
  const node = nodes.get(id);
  if (node === undefined) throw new Error(`${id} does not run`);
  return node.read(() => stores.get(id)?.values.get(key));
}

describe("three servers", () => {
  it("take proposals and reads everywhere, survive their leader, and bring it up to date", async () => {
    await Promise.all(NAMES.map(start));
    for (const [place, name] of NAMES.entries()) {
      const node = nodes.get(name) as StoreNode;
      expect(await node.propose({ key: "last", value: name })).toBe(place === 0 ? null : NAMES[place - 1]);
      for (const reader of NAMES) expect(await read(reader, "last")).toBe(name);
    }

    const former = await leaderOf(nodes.get("a") as StoreNode);
    await stop(former);
    const [survivor] = [...nodes.values()] as [StoreNode];
    await leaderOf(survivor, former);
    expect(await survivor.propose({ key: "last", value: "without the leader" })).toBe("c");

    const { commitIndex } = survivor.status();
    const returned = await start(former);
    expect(await read(former, "last")).toBe("without the leader");
    const status: NodeStatus = returned.status();
    expect(status.appliedIndex).toBeGreaterThanOrEqual(commitIndex);
    expect(status.storage).toEqual({ durability: "durable", isStalled: false });
  });

  it("C9, M-K4: rebuild the state from the log when all of them were down", async () => {
    await Promise.all(NAMES.map(start));
    const node = nodes.get("b") as StoreNode;
    await Promise.all(Array.from({ length: 200 }, (_, place) => node.propose({ key: `${place}`, value: "x" })));
    const { clusterId } = node.status();
    await Promise.all(NAMES.map(stop));
    await Promise.all(NAMES.map(start));
    expect(await read("c", "199")).toBe("x");
    expect(stores.get("c")?.values.size).toBe(200);
    expect(nodes.get("c")?.status()).toMatchObject({ clusterId, name: "c", id: 3 });
  });

  it("O6: find each other at new addresses", async () => {
    await Promise.all(NAMES.map(start));
    await (nodes.get("a") as StoreNode).propose({ key: "k", value: "v" });
    await Promise.all(NAMES.map(stop));
    const addresses = await freeAddresses(3);
    members = Object.fromEntries(NAMES.map((name, place) => [name, addresses[place] as string]));
    await Promise.all(NAMES.map(start));
    expect(await read("b", "k")).toBe("v");
  });

  it("carry a command as large as the limit says, and refuse a larger one", async () => {
    const maxCommandBytes = 12 * 1024 * 1024;
    for (const id of NAMES) {
      const stateMachine = new Store();
      const options = { id, members, directory: join(root, id), stateMachine, maxCommandBytes };
      nodes.set(id, await openNode(options));
      stores.set(id, stateMachine);
    }
    for (const id of NAMES) {
      await (nodes.get(id) as StoreNode).propose({ key: id, value: "x".repeat(maxCommandBytes - 100) });
    }
    for (const id of NAMES) expect((await read(id, "a"))?.length).toBe(maxCommandBytes - 100);
    const tooLarge = (nodes.get("a") as StoreNode).propose({ key: "k", value: "x".repeat(maxCommandBytes) });
    await expect(tooLarge).rejects.toMatchObject({ code: "COMMAND_TOO_LARGE" });
  });
});

describe("is refused", () => {
  const open = (options: { id: string; directory?: string; clusterName?: string; members?: Record<string, string> }) =>
    openNode<Put, string | null>({ members, directory: join(root, options.id), stateMachine: new Store(), ...options });

  it("O1, O4: a directory of another server, another cluster, or another founding", async () => {
    await start("a");
    await stop("a");
    const directory = join(root, "a");
    await expect(open({ id: "b", directory })).rejects.toMatchObject({ code: "FOREIGN_STORAGE" });
    await expect(open({ id: "a", clusterName: "other" })).rejects.toMatchObject({ code: "FOREIGN_STORAGE" });
    const fewer = { a: members["a"] as string, b: members["b"] as string };
    await expect(open({ id: "a", members: fewer })).rejects.toMatchObject({ code: "FOREIGN_STORAGE" });
    expect((await start("a")).status().name).toBe("a");
  });

  it("O4: a founding with another role or priority of some server is another founding", async () => {
    const [a, b, c] = NAMES.map((name) => members[name] as string) as [string, string, string];
    const open = async (id: string, founders: Record<string, string | Founder>): Promise<string> => {
      const node = await openNode({ id, members: founders, directory: join(root, id), stateMachine: new Store() });
      const { clusterId } = node.status();
      await node.close();
      return clusterId;
    };
    const plain = await open("a", { a, b, c });
    expect(await open("a", { a: { address: a }, b: { address: b, role: "voter", priority: 0 }, c })).toBe(plain);
    const foreign = { code: "FOREIGN_STORAGE" };
    await expect(open("a", { a, b, c: { address: c, role: "witness" } })).rejects.toMatchObject(foreign);
    await expect(open("a", { a, b, c: { address: c, priority: 1 } })).rejects.toMatchObject(foreign);
  });

  it("a directory that is in use, and the server there goes on", async () => {
    const node = await start("a");
    await expect(open({ id: "a" })).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    expect(node.status().fatal).toBeNull();
  });

  it("an address that is taken, and leaves nothing open", async () => {
    await start("a");
    const taken = { ...members, b: members["a"] as string, a: members["b"] as string };
    await expect(open({ id: "b", members: taken })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    expect((await start("b")).status().name).toBe("b");
  });

  it("F15: a name that is no member, settings that cannot work, before anything is made", async () => {
    for (const id of ["d", "toString"]) await expect(open({ id })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    const settings = { id: "a", maxCommandBytes: Number.NaN };
    await expect(open(settings)).rejects.toThrow("maxCommandBytes");
    expect(await readdir(root)).toEqual([]);
  });
});
