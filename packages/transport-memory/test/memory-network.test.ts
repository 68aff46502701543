import type { PeerMessage } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { type Envelope, MemoryNetwork, MemoryTransport } from "../src/index.js";

const commit: PeerMessage = { kind: "commit", from: 1, to: 2, term: 1, leaderCommit: 5 };

/** Two servers over a network whose policy only notes what it is given. */
async function world() {
  const underWay: { envelope: Envelope; handOver: () => void }[] = [];
  const network = new MemoryNetwork({ deliver: (envelope, handOver) => underWay.push({ envelope, handOver }) });
  const a = new MemoryTransport({ network, listen: "a" });
  const b = new MemoryTransport({ network, listen: "b" });
  await a.open({ clusterId: "one", nodeId: 1 });
  await b.open({ clusterId: "one", nodeId: 2 });
  const received: PeerMessage[] = [];
  b.register(1, (message) => received.push(message));
  a.setPeers(new Map([[2, "b"]]));
  return { network, a, b, received, underWay };
}

describe("a delivery policy", () => {
  it("decides whether and how often a message arrives", async () => {
    const { a, received, underWay } = await world();
    a.send(1, commit);
    a.send(1, { ...commit, leaderCommit: 6 });
    expect(received).toStrictEqual([]);
    underWay[1]?.handOver();
    underWay[1]?.handOver();
    expect(received).toStrictEqual([
      { ...commit, leaderCommit: 6 },
      { ...commit, leaderCommit: 6 },
    ]);
    expect(underWay.map(({ envelope }) => envelope.groupId)).toStrictEqual([1, 1]);
  });

  it("may hand over after the receiver has left: the message is lost", async () => {
    const { a, b, received, underWay } = await world();
    a.send(1, commit);
    await b.close();
    underWay[0]?.handOver();
    expect(received).toStrictEqual([]);
  });

  it("may hand over to the receiver's next life", async () => {
    const { network, a, b, underWay } = await world();
    a.send(1, commit);
    await b.close();
    const again = new MemoryTransport({ network, listen: "b" });
    await again.open({ clusterId: "one", nodeId: 2 });
    const received: PeerMessage[] = [];
    again.register(1, (message) => received.push(message));
    underWay[0]?.handOver();
    expect(received).toStrictEqual([commit]);
  });

  it("O1: never hands over to whoever took the address since", async () => {
    const { network, a, b, underWay } = await world();
    a.send(1, commit);
    await b.close();
    const received: PeerMessage[] = [];
    for (const identity of [
      { clusterId: "another", nodeId: 2 },
      { clusterId: "one", nodeId: 3 },
    ]) {
      const stranger = new MemoryTransport({ network, listen: "b" });
      await stranger.open(identity);
      stranger.register(1, (message) => received.push(message));
      underWay[0]?.handOver();
      await stranger.close();
    }
    expect(received).toStrictEqual([]);
  });
});

describe("a memory transport", () => {
  it("opens once", async () => {
    const { a, b } = await world();
    await expect(a.open({ clusterId: "one", nodeId: 1 })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    await b.close();
    await expect(b.open({ clusterId: "one", nodeId: 2 })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
  });

  it("that failed to open does not free the address of the one that holds it", async () => {
    const { network, a, received, underWay } = await world();
    const late = new MemoryTransport({ network, listen: "b" });
    await expect(late.open({ clusterId: "one", nodeId: 2 })).rejects.toMatchObject({ code: "TRANSPORT_FAILED" });
    await late.close();
    a.send(1, commit);
    underWay[0]?.handOver();
    expect(received).toStrictEqual([commit]);
  });
});
