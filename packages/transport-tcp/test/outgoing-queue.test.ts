import type { PeerMessage } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { OutgoingQueue } from "../src/outgoing-queue.js";
import { heartbeat } from "./raw-peer.js";

const head = { from: 1, to: 2, term: 1 };

function append(stream: number, sizeBytes = 100): PeerMessage {
  const place = { stream, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0 };
  const entry = { index: 1, term: 1, kind: "command" as const, data: new Uint8Array(sizeBytes) };
  return { kind: "appendEntries", ...head, ...place, entries: sizeBytes === 0 ? [] : [entry] };
}

function propose(requestId: number, sizeBytes = 100): PeerMessage {
  return { kind: "propose", ...head, requestId, data: new Uint8Array(sizeBytes) };
}

function drain(queue: OutgoingQueue): PeerMessage[] {
  const messages: PeerMessage[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) messages.push(next.message);
  return messages;
}

describe("the outgoing queue", () => {
  it("F9: lets what is small and urgent pass, and shares the rest out in turns", () => {
    const queue = new OutgoingQueue(1 << 20);
    const [a1, a2, a3, p1, p2, beat] = [append(1), append(2), append(3), propose(1), propose(2), heartbeat(1, 2, 3)];
    for (const message of [a1, a2, a3, p1, p2, beat]) expect(queue.push(1, message)).toBe(true);
    expect(drain(queue)).toStrictEqual([beat, a1, p1, a2, p2, a3]);
  });

  it("keeps the order of one kind, appends without entries included", () => {
    const queue = new OutgoingQueue(1 << 20);
    const appends = Array.from({ length: 5000 }, (_, i) => append(i, i % 3 === 0 ? 0 : 10));
    for (const message of appends.slice(0, 4000)) queue.push(1, message);
    const first = Array.from({ length: 3000 }, () => queue.shift()?.message);
    for (const message of appends.slice(4000)) queue.push(1, message);
    expect([...first, ...drain(queue)]).toStrictEqual(appends);
  });

  it("F6: is bounded in bytes, and takes more when some are gone", () => {
    const queue = new OutgoingQueue(10_000);
    const taken = Array.from({ length: 100 }, (_, i) => queue.push(1, append(i, 1000)));
    expect(taken.filter(Boolean).length).toBe(9);
    queue.shift();
    expect(queue.push(1, append(100, 1000))).toBe(true);
    expect(queue.push(1, append(101, 1000))).toBe(false);
  });

  it("F5: takes one message that is larger than the bound, alone", () => {
    const queue = new OutgoingQueue(1000);
    expect(queue.push(1, append(1, 5000))).toBe(true);
    expect(queue.push(1, append(2, 1))).toBe(false);
    queue.shift();
    expect(queue.push(1, append(3, 1))).toBe(true);
    expect(queue.push(1, append(4, 5000))).toBe(false);
  });

  it("F8: entries in bulk push out neither answers to commands nor heartbeats", () => {
    const queue = new OutgoingQueue(1000);
    while (queue.push(1, append(1, 100)));
    expect(queue.push(1, propose(1))).toBe(true);
    expect(queue.push(1, heartbeat(1, 2, 3))).toBe(true);
  });

  it("F6: control messages are bounded too", () => {
    const queue = new OutgoingQueue(1000);
    let count = 0;
    while (queue.push(1, heartbeat(1, 2, count))) count += 1;
    expect(count).toBeGreaterThan(10_000);
    expect(count).toBeLessThan(100_000);
  });

  it("says how many it clears, and is empty then", () => {
    const queue = new OutgoingQueue(1 << 20);
    for (let i = 0; i < 10; i += 1) queue.push(1, append(i));
    queue.push(1, heartbeat(1, 2, 3));
    queue.shift();
    queue.shift();
    expect(queue.clear()).toBe(9);
    expect(queue.shift()).toBeUndefined();
    expect(queue.clear()).toBe(0);
    queue.push(1, append(11, 1 << 19));
    expect(queue.push(1, append(12, 1 << 18))).toBe(true);
  });
});
