/** The configuration as a function of the log (§6; PITFALLS M4, M5, O12). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  foundingConfiguration,
  type Member,
  membersOf,
} from "../src/index.js";
import { becomeLeader, sent } from "./support/elect.js";
import { bytes, configurationOf, logOf, membership, text } from "./support/entries.js";
import { configuration, member } from "./support/members.js";
import { appendEntries } from "./support/messages.js";
import { numRuns } from "./support/runs.js";
import { Server, serverWith } from "./support/server.js";

function voterIds({ raft }: Server): number[] {
  return raft.configuration.voters.map(({ id }) => id);
}

describe("the configuration in force", () => {
  const change = appendEntries({ from: 2, term: 2, prev: [1, 1], entries: [membership(2, 2, [1, 2])] });

  it("§6: is the last one in the log, from the moment it is appended", () => {
    const server = serverWith([1]);
    server.receive(change);
    expect(voterIds(server)).toEqual([1, 2]);
    expect(server.status.durableIndex).toBe(1);
  });

  it("M4: goes back with the log, and forward again", () => {
    const server = serverWith([1]);
    server.receive(change);
    server.receive(appendEntries({ from: 3, term: 3, prev: [1, 1], terms: [3] }));
    expect(voterIds(server)).toEqual([1, 2, 3]);
    server.receive(appendEntries({ from: 3, term: 3, prev: [2, 3], entries: [membership(3, 3, [1, 3, 4])] }));
    expect(voterIds(server)).toEqual([1, 3, 4]);
  });

  it("M4: several configurations go back at once", () => {
    const server = serverWith([1]);
    const entries = [membership(2, 2, [1, 2]), membership(3, 2, [1]), membership(4, 2, [1, 5])];
    server.receive(appendEntries({ from: 2, term: 2, prev: [1, 1], entries }));
    server.receive(appendEntries({ from: 3, term: 3, prev: [2, 2], terms: [3] }));
    expect(voterIds(server)).toEqual([1, 2]);
  });

  it("M5: is there again after a restart, committed or not, if it was durable", () => {
    const server = serverWith([1]);
    server.receive(change);
    server.restart(1);
    expect(voterIds(server)).toEqual([1, 2]);
    server.receive(appendEntries({ from: 2, term: 2, prev: [2, 2], entries: [membership(3, 2, [1])] }));
    server.restart(0);
    expect(voterIds(server)).toEqual([1, 2]);
  });

  it("decides whom a leader feeds and counts", () => {
    const server = new Server({ entries: [...logOf([1], 3), membership(2, 1, [1, 4])] });
    becomeLeader(server, [4]);
    expect(new Set(sent(server.effects, "appendRange").map(({ to }) => to))).toEqual(new Set([4]));
  });

  it("O3: a server without one waits", () => {
    expect(serverWith([]).raft.configuration).toEqual(foundingConfiguration([]));
  });
});

describe("its bytes", () => {
  const members: Member[] = [
    { id: 1, name: "n1", address: "10.0.0.1:7000" },
    { id: 2, name: "Zoë “2”", address: "[::1]:7000" },
  ];

  it("are ASCII that people can read, and come back as they were", () => {
    const data = encodeConfiguration(foundingConfiguration(members));
    expect(Math.max(...data)).toBeLessThan(0x80);
    expect(text(data)).toContain('"address":"10.0.0.1:7000"');
    expect(decodeConfiguration(data)).toEqual(foundingConfiguration(members));
  });

  it("leave room for what later versions add", () => {
    expect(decodeConfiguration(bytes('{"voters":[{"id":1,"name":"a","address":"b","zone":"c"}],"more":1}'))).toEqual(
      foundingConfiguration([{ id: 1, name: "a", address: "b" }]),
    );
  });

  it.each([
    ["an id", [{ id: 1, name: "other", address: "other:1" }]],
    ["a name", [{ id: 3, name: "n1", address: "other:1" }]],
    ["an address", [{ id: 3, name: "other", address: "10.0.0.1:7000" }]],
  ])("O12: %s twice is refused, in both directions", (_, more) => {
    expect(() => encodeConfiguration(foundingConfiguration([...members, ...more]))).toThrow(RangeError);
    expect(() => decodeConfiguration(bytes(JSON.stringify({ voters: [...members.slice(0, 1), ...more] })))).toThrow(
      RangeError,
    );
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"voters":1}',
    '{"voters":[1]}',
    '{"voters":[{"id":0,"name":"a","address":"b"}]}',
  ])("C11: %j is no configuration", (json) => {
    expect(() => decodeConfiguration(bytes(json))).toThrow(RangeError);
  });

  const sound = configuration({ voters: [1, 2, 3], learners: [4], target: [1, 2, 4] });
  const witness = (id: number) => member(id, { isWitness: true });

  it.each<[string, Partial<Configuration>]>([
    ["a voter that is a learner too", { learners: [member(3)], target: null }],
    ["a witness that will not vote", { learners: [witness(4)], target: null }],
    ["witnesses that are half of the voters", { voters: [member(1), witness(2)], target: null }],
    ["witnesses that were half of them", { outgoingVoters: [member(1), witness(2)], target: null }],
    ["a joint change without new voters", { voters: [], outgoingVoters: sound.voters, target: null }],
    ["a joint change that waits for more", { outgoingVoters: sound.voters }],
    ["a target without voters", { target: { voters: [], learners: [4] } }],
    ["a target that is no member", { target: { voters: [1, 5], learners: [] } }],
    ["a target that is named twice", { target: { voters: [1, 4], learners: [4] } }],
    ["an id that is still to be given", { nextId: 4 }],
    ["a priority that is none", { voters: [member(1, { priority: -1 })], target: null }],
  ])("M24: %s is no configuration, neither to write nor to read", (_, wrong) => {
    const bad = { ...sound, ...wrong };
    expect(() => encodeConfiguration(bad)).toThrow(RangeError);
    expect(() => decodeConfiguration(bytes(JSON.stringify(bad)))).toThrow(RangeError);
    expect(() => decodeConfiguration(bytes(JSON.stringify(sound)))).not.toThrow();
  });

  it("a witness that is to vote comes in as a learner", () => {
    const joining = { ...sound, learners: [witness(4)] };
    expect(decodeConfiguration(encodeConfiguration(joining))).toEqual(joining);
  });

  it("while a change is joint, the newer address of a member counts", () => {
    const moved = member(2, { address: "new:1" });
    const joint = { ...configuration({ voters: [1, 2], outgoing: [1, 2, 3] }), voters: [member(1), moved] };
    expect(membersOf(joint)).toEqual([member(1), moved, member(3)]);
    expect(() => encodeConfiguration(joint)).not.toThrow();
  });

  it.each([1.5, Number.NaN, 2 ** 53])("F12: a server cannot have the id %d", (id) => {
    expect(() => encodeConfiguration(foundingConfiguration([{ id, name: "a", address: "b" }]))).toThrow(RangeError);
  });

  it("are the same for the same members", () => {
    expect(encodeConfiguration(configurationOf(3))).toEqual(encodeConfiguration(configurationOf([1, 2, 3])));
  });

  const someMembers = fc
    .uniqueArray(
      fc.record({
        id: fc.integer({ min: 1, max: 2 ** 53 - 2 }),
        name: fc.string({ unit: "binary" }),
        address: fc.string(),
      }),
      {
        maxLength: 9,
        comparator: (one, other) => one.id === other.id || one.name === other.name || one.address === other.address,
      },
    )
    .map((list) => list.sort((one, other) => one.id - other.id));

  it("come back as they were, whatever the names", () => {
    fc.assert(
      fc.property(someMembers, (voters) => {
        expect(decodeConfiguration(encodeConfiguration(foundingConfiguration(voters)))).toEqual(
          foundingConfiguration(voters),
        );
      }),
      { numRuns: numRuns(300) },
    );
  });

  it("O13: hostile ones are refused with a RangeError, or are a configuration that encodes", () => {
    const json = fc.json({ maxDepth: 4 }).map(bytes8);
    const nearly = fc
      .record({
        voters: fc.array(
          fc.record({ id: fc.oneof(fc.integer(), fc.double()), name: fc.string(), address: fc.string() }),
        ),
      })
      .map((value) => bytes8(JSON.stringify(value)));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), json, nearly, damaged(someMembers)), (data) => {
        const decoded = tryDecode(data);
        if (decoded !== null) expect(decodeConfiguration(encodeConfiguration(decoded))).toEqual(decoded);
      }),
      { numRuns: numRuns(1000) },
    );
  });
});

function bytes8(json: string): Uint8Array {
  return new TextEncoder().encode(json);
}

/** Good bytes with one byte replaced. */
function damaged(members: fc.Arbitrary<Member[]>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(members, fc.nat(), fc.nat({ max: 255 })).map(([voters, place, byte]) => {
    const data = encodeConfiguration(foundingConfiguration(voters));
    data[place % data.length] = byte;
    return data;
  });
}

function tryDecode(data: Uint8Array): Configuration | null {
  try {
    return decodeConfiguration(data);
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return null;
  }
}
