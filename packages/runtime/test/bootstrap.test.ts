import type { RaftError } from "@quorate/contracts";
import { decodeConfiguration } from "@quorate/core";
import { expect, it } from "vitest";
import { type Bootstrap, type BootstrapMember, RaftNode } from "../src/index.js";
import { Cluster, Journal, type Options, textCodec } from "./support/cluster.js";
import { FakeNetwork, FakeTransport } from "./support/fake-network.js";
import { blankDisk, type Disk, FakeStorage } from "./support/fake-storage.js";
import { World } from "./support/world.js";

const THREE: Bootstrap = {
  clusterId: "test",
  members: [
    { name: "b", address: "host-b" },
    { name: "c", address: "host-c" },
    { name: "a", address: "host-a" },
  ],
};

/** Two servers, the second as `role`. */
function withRole(role: "voter" | "witness"): Bootstrap {
  const [b, , a] = THREE.members as [BootstrapMember, BootstrapMember, BootstrapMember];
  return { clusterId: "test", members: [a, { ...b, role }] };
}

async function open(disk: Disk, overrides: Partial<Options>) {
  const world = new World();
  const transport = new FakeTransport(new FakeNetwork(world), "host-a");
  const storage = new FakeStorage(world, disk);
  const opened = RaftNode.open<string, number>({
    id: "a",
    bootstrap: THREE,
    storage,
    transport,
    stateMachine: new Journal(),
    codec: textCodec,
    clock: world.clock,
    seed: 1,
    ...overrides,
  });
  return { opened, storage, transport };
}

/** Why `open` refused; then it must have closed what it was given. */
async function refusal(disk: Disk, overrides: Partial<Options>): Promise<RaftError> {
  const before = JSON.stringify(disk);
  const { opened, storage, transport } = await open(disk, overrides);
  const error = await opened.then(
    () => {
      throw new Error("it was not refused");
    },
    (reason: RaftError) => reason,
  );
  expect(storage.isClosed && transport.isClosed).toBe(true);
  expect(JSON.stringify(disk)).toBe(before);
  return error;
}

it("O3, O4: every server founds the same cluster, whatever the order of its list", async () => {
  const firsts = [];
  for (const [place, id] of ["a", "b", "c"].entries()) {
    const disk = blankDisk();
    const members = [...THREE.members.slice(place), ...THREE.members.slice(0, place)];
    const { opened } = await open(disk, { id, bootstrap: { clusterId: "test", members } });
    const node = await opened;
    expect(node.status()).toMatchObject({ id: place + 1, name: id, clusterId: "test" });
    firsts.push(disk.entries[0]);
    expect(disk.hardState).toEqual({ currentTerm: 1, votedFor: 0 });
  }
  expect(firsts[0]).toMatchObject({ index: 1, term: 1, kind: "membership" });
  expect(firsts[1]).toEqual(firsts[0]);
  expect(firsts[2]).toEqual(firsts[0]);
  expect(decodeConfiguration(firsts[0]?.data ?? new Uint8Array()).voters).toEqual([
    { id: 1, name: "a", address: "host-a" },
    { id: 2, name: "b", address: "host-b" },
    { id: 3, name: "c", address: "host-c" },
  ]);
});

it("O4: roles and priorities are those that the founders are given, on every server the same", async () => {
  const members: Bootstrap["members"] = [
    { name: "d", address: "host-d", role: "witness" },
    { name: "c", address: "host-c", role: "voter", priority: 7 },
    { name: "b", address: "host-b", role: "learner", priority: 1 },
    { name: "a", address: "host-a" },
  ];
  const firsts = [];
  for (const id of ["a", "b", "c", "d"]) {
    const disk = blankDisk();
    const { opened } = await open(disk, { id, bootstrap: { clusterId: "test", members: members.toReversed() } });
    const shown = (await opened).members().members.map(({ name, role, isVoting, priority = 0 }) => {
      return { name, role, isVoting, priority };
    });
    expect(shown).toEqual([
      { name: "a", role: "voter", isVoting: true, priority: 0 },
      { name: "b", role: "learner", isVoting: false, priority: 1 },
      { name: "c", role: "voter", isVoting: true, priority: 7 },
      { name: "d", role: "witness", isVoting: true, priority: 0 },
    ]);
    firsts.push(disk.entries[0]);
  }
  for (const first of firsts) expect(first).toEqual(firsts[0]);
});

it("O2: founding over what is stored changes nothing: the server goes on", async () => {
  const disk = blankDisk();
  const { opened } = await open(disk, {});
  await (await opened).close();
  disk.hardState = { currentTerm: 7, votedFor: 2 };
  const again = await open(disk, { bootstrap: { ...THREE, members: THREE.members.slice(1) } });
  expect((await again.opened).status()).toMatchObject({ id: 1, currentTerm: 7 });
  expect((await again.opened).status().members).toHaveLength(3);
});

it("O3: a blank server founds nothing unless it is told to", async () => {
  expect(await refusal(blankDisk(), { bootstrap: undefined })).toMatchObject({ code: "NOT_BOOTSTRAPPED" });
});

it("O1: a storage of another cluster or another server is refused", async () => {
  const disk = blankDisk();
  const { opened } = await open(disk, {});
  await (await opened).close();
  expect(await refusal(disk, { bootstrap: { ...THREE, clusterId: "other" } })).toMatchObject({
    code: "FOREIGN_STORAGE",
  });
  const otherServer = await refusal(disk, { id: "b" });
  expect(otherServer.code).toBe("FOREIGN_STORAGE");
  expect(otherServer.message).toContain('The storage is that of server "a"');
  const withoutBootstrap = await open(disk, { bootstrap: undefined });
  expect((await withoutBootstrap.opened).status().clusterId).toBe("test");
});

it.each<[string, Bootstrap]>([
  ["two servers are named", { clusterId: "test", members: [...THREE.members, { name: "a", address: "host-d" }] }],
  [
    "two servers have the address",
    { clusterId: "test", members: [...THREE.members, { name: "d", address: "host-a" }] },
  ],
  ["does not name this server", { clusterId: "test", members: [{ name: "b", address: "host-b" }] }],
  ["must name every server", { clusterId: "test", members: [] }],
  ["the address of", { clusterId: "test", members: [{ name: "a", address: "" }] }],
  ["has no name", { clusterId: "test", members: [{ name: "", address: "host-a" }] }],
  ["clusterId must not be empty", { ...THREE, clusterId: "" }],
  ["there is no voter", { clusterId: "test", members: [{ name: "a", address: "host-a", role: "learner" }] }],
  ["must be fewer than half", withRole("witness")],
  ["the role of", withRole("boss" as "voter")],
  ["the priority of", { clusterId: "test", members: [{ name: "a", address: "host-a", priority: -1 }] }],
])("O12: a list that cannot work is refused: %s", async (message, bootstrap) => {
  const error = await refusal(blankDisk(), { bootstrap });
  expect(error.code).toBe("INVALID_OPTIONS");
  expect(error.message).toContain(message);
});

it("P16: a storage whose parts contradict each other is refused", async () => {
  const disk = blankDisk();
  const { opened } = await open(disk, {});
  await (await opened).close();
  disk.entries.push({ index: 2, term: 9, kind: "noop", data: new Uint8Array() });
  const error = await refusal(disk, {});
  expect(error).toMatchObject({ code: "STORAGE_CORRUPT" });
  expect(error.message).toContain("term");
});

it("O6: a local address wins over the one in the log", async () => {
  const { opened, transport } = await open(blankDisk(), { addresses: { c: "elsewhere" } });
  await opened;
  expect([...transport.peers]).toEqual([
    [1, "host-a"],
    [2, "host-b"],
    [3, "elsewhere"],
  ]);
});

it("O12: a message for another server is dropped and counted", async () => {
  const cluster = await Cluster.open(3, {}, [1]);
  const { node, transport } = cluster.server(1);
  await cluster.world.run(250);
  const heartbeat = { kind: "heartbeat", term: 9, round: 1, leaderCommit: 0, isQuiet: false } as const;
  transport.receive(0, { ...heartbeat, from: 2, to: 3 });
  await cluster.world.run(1);
  expect(node.status()).toMatchObject({ refusedMessages: 1, currentTerm: 1, leaderId: 0 });
  transport.receive(0, { ...heartbeat, from: 2, to: 1 });
  await cluster.world.run(1);
  expect(node.status()).toMatchObject({ refusedMessages: 1, currentTerm: 9, leaderId: 2, leaderName: "n2" });
});
