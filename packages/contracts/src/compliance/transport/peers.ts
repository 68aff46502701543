/** Compliance of a transport: with whom it speaks, and for whom. */

import type { NodeId } from "@quorate/core";
import { expect, it } from "vitest";
import type { PeerMessage, Transport } from "../../transport.js";
import { heartbeat, type Network, peers, type Server } from "./network.js";

/** `setPeers`: replaces what was said before. */
export function testPeers<T extends Transport>(network: () => Network<T>): void {
  it("may be called before open", async () => {
    const b = await network().start(2);
    const a = await network().start(1, { peers: peers([2, b.address]) });
    await network().deliver(a, b, heartbeat(1, 2, 3));
  });

  it("may name the own id, which is ignored", async () => {
    const [a, b] = await network().pair();
    a.transport.setPeers(peers([1, a.address], [2, b.address]));
    const { droppedMessages } = a.transport.status();
    a.transport.send(1, heartbeat(1, 1, 4));
    await network().deliver(a, b, heartbeat(1, 2, 3));
    expect(a.transport.status()).toStrictEqual({ connected: [2], droppedMessages: droppedMessages + 1 });
    expect(a.messages("heartbeat").some(({ from }) => from === 1)).toBe(false);
  });

  it("ends the connections to peers that are no longer named", async () => {
    const [a, b] = await network().pair();
    await network().until(() => a.transport.status().connected.length === 1);
    a.transport.setPeers(peers());
    expect(a.transport.status().connected).toStrictEqual([]);
    const { droppedMessages } = a.transport.status();
    a.transport.send(1, heartbeat(1, 2, 88));
    expect(a.transport.status().droppedMessages).toBe(droppedMessages + 1);
    a.transport.setPeers(peers([2, b.address]));
    await network().deliver(a, b, heartbeat(1, 2, 89));
    expect(b.messages("heartbeat").some(({ round }) => round === 88)).toBe(false);
  });

  it("moves to the new address of a peer", async () => {
    const [a, old] = await network().pair();
    const moved = await network().start(2);
    a.transport.setPeers(peers([2, moved.address]));
    await network().deliver(a, moved, heartbeat(1, 2, 90));
    expect(old.messages("heartbeat").some(({ round }) => round === 90)).toBe(false);
  });

  it("keeps the connections to peers that are named again", async () => {
    const [a, b] = await network().pair();
    await network().until(() => a.transport.status().connected.length === 1);
    a.transport.setPeers(peers([2, b.address], [3, await network().deadAddress()]));
    expect(a.transport.status().connected).toStrictEqual([2]);
  });

  it("need not be called again for a peer that restarts", async () => {
    const [a, b] = await network().pair();
    await b.transport.close();
    const again = await network().start(2, { address: b.address, peers: peers([1, a.address]) });
    await network().deliver(a, again, heartbeat(1, 2, 91));
    await network().deliver(again, a, heartbeat(2, 1, 92));
  });

  it("M11: whoever connects can be answered without being named, as long as it stays", async () => {
    const a = await network().start(1);
    const guest = await network().start(2, { peers: peers([1, a.address]) });
    await network().deliver(guest, a, heartbeat(2, 1, 94));
    await network().deliver(a, guest, heartbeat(1, 2, 95));
    expect(a.transport.status().connected).toStrictEqual([2]);
    await guest.transport.close();
    await network().until(() => a.transport.status().connected.length === 0);
  });

  it("M11: a guest that is named then stays connected, and so do guests when others are named", async () => {
    const a = await network().start(1);
    const guest = await network().start(2, { peers: peers([1, a.address]) });
    await network().deliver(guest, a, heartbeat(2, 1, 94));
    await network().deliver(a, guest, heartbeat(1, 2, 95));
    a.transport.setPeers(peers([3, await network().deadAddress()]));
    expect(a.transport.status().connected).toStrictEqual([2]);
    a.transport.setPeers(peers([2, guest.address]));
    expect(a.transport.status().connected).toStrictEqual([2]);
    await network().deliver(a, guest, heartbeat(1, 2, 96));
  });

  it("M11: a peer that is not where it is named can be answered when it has connected", async () => {
    const dead = await network().deadAddress();
    const other = await network().start(3);
    for (const address of [dead, other.address, "no address at all"]) {
      const a = await network().start(1, { peers: peers([2, address]) });
      const moved = await network().start(2, { peers: peers([1, a.address]) });
      await network().deliver(moved, a, heartbeat(2, 1, 94));
      await network().deliver(a, moved, heartbeat(1, 2, 95));
      // Other news of the members change nothing of that.
      a.transport.setPeers(peers([2, address], [4, dead]));
      await network().deliver(a, moved, heartbeat(1, 2, 96));
      expect(a.transport.status().connected).toStrictEqual([2]);
      await Promise.all([a.transport.close(), moved.transport.close()]);
    }
    expect(other.received).toStrictEqual([]);
  });

  it("O11: a peer that is named no more can be answered when it has connected again", async () => {
    const [a, b] = await network().pair();
    a.transport.setPeers(peers());
    await network().deliver(b, a, heartbeat(2, 1, 97));
    await network().deliver(a, b, heartbeat(1, 2, 98));
  });

  it("F17: with an address that leads nowhere harms nobody else", async () => {
    const [a, b] = await network().pair();
    a.transport.setPeers(peers([2, b.address], [3, await network().deadAddress()], [4, "no address at all"]));
    a.transport.send(1, heartbeat(1, 3, 1));
    a.transport.send(1, heartbeat(1, 4, 1));
    await network().deliver(a, b, heartbeat(1, 2, 93));
    expect(a.transport.status().connected).toStrictEqual([2]);
  });
}

/** `register` and `unregister`: one connection carries all groups. */
export function testGroups<T extends Transport>(network: () => Network<T>): void {
  it("each receiver gets the messages of its group, and nobody those of a group without one", async () => {
    const [a, b] = await network().pair();
    const ofSeven: PeerMessage[] = [];
    b.transport.register(7, (message) => ofSeven.push(message));
    a.transport.send(8, heartbeat(1, 2, 1));
    a.transport.send(7, heartbeat(1, 2, 2));
    await network().deliver(a, b, heartbeat(1, 2, 3));
    await network().until(
      () => ofSeven.length > 0,
      () => a.transport.send(7, heartbeat(1, 2, 2)),
    );
    expect(ofSeven.every((message) => message.kind === "heartbeat" && message.round === 2)).toBe(true);
    expect(b.messages("heartbeat").some(({ round }) => round === 1 || round === 2)).toBe(false);
  });

  it("a receiver gets nothing once it is unregistered", async () => {
    const [a, b] = await network().pair();
    let count = 0;
    b.transport.register(7, () => {
      count += 1;
      b.transport.unregister(7);
    });
    const send = () => {
      for (let i = 0; i < 5; i += 1) a.transport.send(7, heartbeat(1, 2, i));
    };
    await network().until(() => count > 0, send);
    send();
    await network().deliver(a, b, heartbeat(1, 2, 3));
    expect(count).toBe(1);
  });
}

/** Who listens is told when a peer has gone. */
export function testLosses<T extends Transport>(network: () => Network<T>): void {
  it("are told by the name of whoever has gone, to those it was connected with", async () => {
    const [a, b] = await network().pair();
    const c = await network().start(3, { peers: peers([1, a.address]) });
    await network().deliver(c, a, heartbeat(3, 1, 1));
    expect([...a.lost, ...b.lost]).toEqual([]);
    await b.transport.close();
    await network().until(() => a.lost.includes(2));
    expect(new Set(a.lost)).toEqual(new Set([2]));
    expect(c.lost).toEqual([]);
  });

  it("are told anew when a peer has come back, and goes again", async () => {
    const [a, b] = await network().pair();
    const { address } = b;
    await b.transport.close();
    await network().until(() => a.lost.includes(2));
    const again = await network().start(2, { address, peers: peers([1, a.address]) });
    await network().deliver(a, again, heartbeat(1, 2, 1));
    await network().deliver(again, a, heartbeat(2, 1, 1));
    const before = a.lost.length;
    await again.transport.close();
    await network().until(() => a.lost.length > before);
  });

  it("are not told to who is unregistered or closed", async () => {
    const [a, b] = await network().pair();
    const c = await network().start(3, { peers: peers([2, b.address]) });
    await network().deliver(c, b, heartbeat(3, 2, 1));
    b.transport.unregister(1);
    await a.transport.close();
    await c.transport.close();
    await network().until(() => b.transport.status().connected.length === 0);
    expect([...a.lost, ...b.lost, ...c.lost]).toEqual([]);
  });
}

/** Who speaks is checked at both ends (PITFALLS O1, O12, O14). */
export function testIdentity<T extends Transport>(network: () => Network<T>): void {
  /** Sends from `a` to `stranger` for as long as a hundred round trips between `a` and `witness` take. */
  async function insist(a: Server<T>, strangerId: NodeId, witness: Server<T>, from = 1): Promise<void> {
    for (let round = 100; round < 200; round += 1) {
      a.transport.send(1, heartbeat(from, strangerId, round));
      await network().deliver(a, witness, heartbeat(1, 3, round));
      await network().deliver(witness, a, heartbeat(3, 1, round));
    }
  }

  it("O1: nothing reaches a server of another cluster", async () => {
    const stranger = await network().start(2, { clusterId: "another" });
    const witness = await network().start(3);
    const a = await network().start(1, { peers: peers([2, stranger.address], [3, witness.address]) });
    witness.transport.setPeers(peers([1, a.address]));
    stranger.transport.setPeers(peers([1, a.address]));
    stranger.transport.send(1, heartbeat(2, 1, 1));
    await insist(a, 2, witness);
    stranger.transport.send(1, heartbeat(2, 1, 1));
    expect(stranger.received).toStrictEqual([]);
    expect(a.received.some(({ message }) => message.from === 2)).toBe(false);
    expect(a.transport.status().connected).toStrictEqual([3]);
    expect(stranger.transport.status().connected).toStrictEqual([]);
  });

  it("O12: nothing reaches a server other than the one it is addressed to", async () => {
    const other = await network().start(4);
    const witness = await network().start(3);
    const a = await network().start(1, { peers: peers([2, other.address], [3, witness.address]) });
    witness.transport.setPeers(peers([1, a.address]));
    await insist(a, 2, witness);
    expect(other.received).toStrictEqual([]);
    expect(a.transport.status().connected).toStrictEqual([3]);
  });

  it("O14: nothing arrives in the name of another server", async () => {
    const [a, b] = await network().pair();
    const witness = await network().start(3, { peers: peers([1, a.address]) });
    a.transport.setPeers(peers([2, b.address], [3, witness.address]));
    await insist(a, 2, witness, 42);
    expect(b.received.some(({ message }) => message.from === 42)).toBe(false);
    await network().deliver(a, b, heartbeat(1, 2, 5)); // and the connection is none the worse for it
  });
}
