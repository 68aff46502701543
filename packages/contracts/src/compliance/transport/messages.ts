/** Compliance of a transport: what becomes of a message on its way. */

import { expect, it } from "vitest";
import type { Transport } from "../../transport.js";
import { appendOf, heartbeat, isSameBytes, type Network, noise, peers, sampleMessages, turn } from "./network.js";

const MiB = 1 << 20;

/** A message arrives unchanged, or it does not arrive. */
export function testMessages<T extends Transport>(network: () => Network<T>): void {
  it.each(sampleMessages.map((message) => [message.kind, message] as const))(
    "%s arrives unchanged",
    async (_, sent) => {
      const [a, b] = await network().pair();
      expect(await network().deliver(a, b, sent)).toStrictEqual({ groupId: 1, message: sent });
    },
  );

  it("payloads of 1 MiB arrive unchanged", async () => {
    const [a, b] = await network().pair();
    const payloads = [noise(MiB), noise(1), noise(0), noise(MiB + 1)];
    await network().deliver(a, b, appendOf(1, 2, payloads));
    const [append] = b.messages("appendEntries");
    expect(append?.entries.map(({ data }) => data.length)).toStrictEqual(payloads.map(({ length }) => length));
    expect(append?.entries.every(({ data }, i) => isSameBytes(data, payloads[i]))).toBe(true);

    const data = noise(MiB);
    await network().deliver(a, b, { kind: "propose", from: 1, to: 2, term: 3, requestId: 4, data });
    expect(b.messages("propose").every((propose) => isSameBytes(propose.data, data))).toBe(true);
  });

  it("travel both ways", async () => {
    const [a, b] = await network().pair();
    await network().deliver(a, b, heartbeat(1, 2, 5));
    await network().deliver(b, a, heartbeat(2, 1, 6));
  });

  it("of one kind keep their order", async () => {
    const [a, b] = await network().pair();
    for (let round = 1; round <= 2000; round += 1) {
      a.transport.send(1, heartbeat(1, 2, round));
      if (round % 100 === 0) a.transport.send(1, appendOf(1, 2, round % 200 === 0 ? [] : [noise(5000)], round));
      if (round % 333 === 0) await turn();
    }
    await network().until(
      () => b.messages("heartbeat").at(-1)?.round === 2001 && b.messages("appendEntries").at(-1)?.stream === 2001,
      () => {
        a.transport.send(1, heartbeat(1, 2, 2001));
        a.transport.send(1, appendOf(1, 2, [], 2001));
      },
    );
    const rounds = b.messages("heartbeat").map(({ round }) => round);
    expect(rounds).toStrictEqual(rounds.toSorted((x, y) => x - y));
    const streams = b.messages("appendEntries").map(({ stream }) => stream);
    expect(streams).toStrictEqual(streams.toSorted((x, y) => x - y));
  });

  it("F11: neither change the sender's bytes, nor are changed by later messages", async () => {
    const [a, b] = await network().pair();
    const data = noise(3000);
    const copy = data.slice();
    await network().deliver(a, b, appendOf(1, 2, [data]));
    const [first] = b.messages("appendEntries");
    for (let i = 0; i < 50; i += 1) a.transport.send(1, appendOf(1, 2, [noise(3000)], i));
    await network().deliver(a, b, appendOf(1, 2, [noise(100_000)], 50));
    expect(first).toStrictEqual(appendOf(1, 2, [copy]));
    expect(data).toStrictEqual(copy);
  });

  it("F9: heartbeats do not wait behind entries in bulk", async () => {
    const [a, b] = await network().pair();
    let turns = 0;
    const counting = network().until(
      () => b.messages("heartbeat").some(({ round }) => round === 99) && b.messages("appendEntries").length >= 2,
      () => {
        turns += 1;
      },
    );
    const arrivals: { kind: string; turns: number }[] = [];
    b.onArrival = ({ kind }) => arrivals.push({ kind, turns });
    const bulk = Array.from({ length: 12 }, (_, i) => appendOf(1, 2, [noise(MiB)], i));
    for (const append of bulk) a.transport.send(1, append);
    a.transport.send(1, heartbeat(1, 2, 99));
    await counting;
    const beat = arrivals.find(({ kind }) => kind === "heartbeat");
    const secondAppend = arrivals.filter(({ kind }) => kind === "appendEntries")[1];
    expect(beat?.turns).toBeLessThanOrEqual(secondAppend?.turns ?? Number.NaN);
  });
}

/** `send` never blocks and never throws; what it cannot send it drops and counts. */
export function testSend<T extends Transport>(network: () => Network<T>): void {
  it("before open does no harm, and counts", async () => {
    const transport = network().create();
    transport.setPeers(peers([2, await network().deadAddress()]));
    transport.send(1, heartbeat(1, 2, 1));
    expect(transport.status()).toStrictEqual({ connected: [], droppedMessages: 1 });
  });

  it("after close does no harm, and counts", async () => {
    const [a, b] = await network().pair();
    await a.transport.close();
    const { droppedMessages } = a.transport.status();
    a.transport.send(1, heartbeat(1, 2, 77));
    expect(a.transport.status().droppedMessages).toBe(droppedMessages + 1);
    expect(b.messages("heartbeat").some(({ round }) => round === 77)).toBe(false);
  });

  it("to an unknown peer drops, and counts", async () => {
    const [a] = await network().pair();
    const { droppedMessages } = a.transport.status();
    a.transport.send(1, heartbeat(1, 99, 1));
    expect(a.transport.status().droppedMessages).toBe(droppedMessages + 1);
  });

  it("F8, F19: to a peer that is away never throws, and counts", async () => {
    const [a, b] = await network().pair();
    await b.transport.close();
    const { droppedMessages } = a.transport.status();
    await network().until(
      () => a.transport.status().droppedMessages > droppedMessages,
      () => a.transport.send(1, heartbeat(1, 2, 1)),
    );
  });

  it("returns before the message is handed over", async () => {
    const [a, b] = await network().pair();
    let sending = false;
    let reentered = false;
    b.onArrival = () => {
      reentered ||= sending;
    };
    const send = () => {
      sending = true;
      a.transport.send(1, heartbeat(1, 2, 55));
      sending = false;
    };
    await network().until(() => b.messages("heartbeat").some(({ round }) => round === 55), send);
    expect(reentered).toBe(false);
  });

  it("F8: what it cannot take it drops and counts, and the rest arrives", async () => {
    const [a, b] = await network().pair();
    const { droppedMessages } = a.transport.status();
    const data = noise(MiB);
    for (let i = 0; i < 48; i += 1) a.transport.send(1, appendOf(1, 2, [data], i));
    const dropped = () => a.transport.status().droppedMessages - droppedMessages;
    await network().until(() => b.messages("appendEntries").length + dropped() === 48);
    expect(b.messages("appendEntries").length).toBeGreaterThan(0);
  });
}
