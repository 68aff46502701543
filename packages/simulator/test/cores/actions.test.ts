/** Actions as a script writes them: what is read back is what was written. */

import { NOBODY } from "@quorate/core";
import { expect, it } from "vitest";
import { type Action, decodeAction, encodeAction } from "../../src/cores/actions.js";
import { Flight } from "../../src/cores/flight.js";
import { replay } from "../../src/index.js";

const ACTIONS: readonly (readonly [string, Action])[] = [
  ["propose 2 3 late", { kind: "propose", server: 2, commands: 3, isLate: true }],
  ["transfer 1 0", { kind: "transfer", server: 1, to: NOBODY, isLate: false }],
  ["read 1", { kind: "read", server: 1, isLease: false, isLate: false }],
  ["read 3 lease late", { kind: "read", server: 3, isLease: true, isLate: true }],
  ["snapshot 3 10 late", { kind: "snapshot", server: 3, kept: 10, isLate: true }],
  ["suspect 2 1 late", { kind: "suspect", server: 2, peer: 1, isLate: true }],
  ["fail 1 4", { kind: "fail", server: 1, to: 4, isLate: false }],
  ["change 2 current  late", { kind: "change", server: 2, isStale: false, members: [], isLate: true }],
  [
    "change 1 stale 1voter,3learner/2,new-witness,new-voter/1",
    {
      kind: "change",
      server: 1,
      isStale: true,
      members: [
        { id: 1, role: "voter", priority: 0 },
        { id: 3, role: "learner", priority: 2 },
        { id: NOBODY, role: "witness", priority: 0 },
        { id: NOBODY, role: "voter", priority: 1 },
      ],
      isLate: false,
    },
  ],
];

it.each(ACTIONS)("%s", (text, action) => {
  expect(encodeAction(action)).toBe(text);
  expect(decodeAction(text, new Flight())).toEqual(action);
});

it("is nothing else", () => {
  expect(() => decodeAction("dance 1", new Flight())).toThrow(RangeError);
});

it("is nothing to a server that never joined, for the run was made shorter", async () => {
  const actions = ["store 9 1", "crash 9 0", "start 9", "tick 9 100", "snapshot 9 0", "recover"];
  const script = { seed: 2, world: "cores", actions, without: [] } as const;
  const { violation } = await replay(script, { settle: () => Promise.resolve() });
  expect(violation).toBeNull();
});
