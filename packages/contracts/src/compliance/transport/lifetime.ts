/** Compliance of a transport: its beginning and its end. */

import { expect, it } from "vitest";
import { TransportError } from "../../errors.js";
import type { Transport } from "../../transport.js";
import { heartbeat, type Network, peers, turn } from "./network.js";

/** `open`: when peers can connect, and what if they never can. */
export function testOpen<T extends Transport>(network: () => Network<T>): void {
  it("rejects with a TransportError if the address is taken", async () => {
    const a = await network().start(1);
    const second = network().create(a.address);
    await expect(second.open({ clusterId: "one", nodeId: 2 })).rejects.toBeInstanceOf(TransportError);
    await second.close();
  });

  it("nothing is handed over before it has resolved", async () => {
    const b = await network().start(2);
    await b.transport.close();
    const a = await network().start(1, { peers: peers([2, b.address]) });
    const again = network().prepare(2, b.address);
    let opened = false;
    let early = 0;
    again.onArrival = () => {
      if (!opened) early += 1;
    };
    const opening = again.open("one").then(() => {
      opened = true;
    });
    await network().deliver(a, again, heartbeat(1, 2, 3));
    await opening;
    expect(early).toBe(0);
  });

  it("peers that were told of it before can connect once it has resolved", async () => {
    const b = await network().start(2);
    await b.transport.close();
    const a = await network().start(1, { peers: peers([2, b.address]) });
    a.transport.send(1, heartbeat(1, 2, 3));
    const again = await network().start(2, { address: b.address });
    await network().deliver(a, again, heartbeat(1, 2, 4));
  });
}

/** `close`: may come at any time, and leaves nothing behind. */
export function testClose<T extends Transport>(network: () => Network<T>): void {
  it("may be called twice, at once and again", async () => {
    const [a] = await network().pair();
    await Promise.all([a.transport.close(), a.transport.close()]);
    await a.transport.close();
  });

  it("may be called before open", async () => {
    const transport = network().create();
    await transport.close();
    await transport.close();
  });

  it("ends all connections, and frees the address", async () => {
    const [a, b] = await network().pair();
    await b.transport.close();
    expect(b.transport.status().connected).toStrictEqual([]);
    await network().until(() => a.transport.status().connected.length === 0);
    await network().start(2, { address: b.address });
  });

  it("nothing is handed over once it was called, not even by the one who calls it", async () => {
    const [a, b] = await network().pair();
    let handedOver = 0;
    let closed: Promise<void> | undefined;
    b.transport.register(7, () => {
      handedOver += 1;
      closed = b.transport.close();
    });
    await network().until(
      () => closed !== undefined,
      () => {
        for (let round = 0; round < 10; round += 1) a.transport.send(7, heartbeat(1, 2, round));
      },
    );
    await closed;
    for (let i = 0; i < 20; i += 1) await turn();
    expect(handedOver).toBe(1);
  });

  it("F18: leaves no handle behind", async () => {
    const before = network().openHandles?.();
    const [a, b] = await network().pair();
    a.transport.setPeers(peers([2, b.address], [3, await network().deadAddress()]));
    await Promise.all([a.transport.close(), b.transport.close()]);
    expect(network().openHandles?.()).toStrictEqual(before);
  });
}
