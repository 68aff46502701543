/** Feature levels: what entries may ask of every server, and who may not take part any more (PITFALLS O7, C11). */

import { describe, expect, it } from "vitest";
import {
  decodeConfiguration,
  type Entry,
  encodeConfiguration,
  foundingConfiguration,
  UnsupportedFeatureLevelError,
} from "../src/index.js";
import { becomeLeader } from "./support/elect.js";
import { bytes, configurationOf, logOf } from "./support/entries.js";
import { accepted, appendEntries, heartbeatResult } from "./support/messages.js";
import { ELECTION_TIMEOUT_MS, HEARTBEAT_INTERVAL_MS, Server } from "./support/server.js";

const levels = (application: number) => ({ library: 1, application });

/** A leader of three that supports level 3 of the commands, and has committed the entry of its term. */
function leader(): Server {
  const server = new Server({ entries: logOf([1], 3), applicationLevel: 3 });
  becomeLeader(server);
  server.persist();
  server.receive(accepted({ from: 2, term: 2, matchIndex: 2 }));
  return server;
}

function hear(server: Server, from: number, application: number): void {
  server.receive(heartbeatResult({ from, term: 2, round: 0, supportedLevels: levels(application) }));
}

const raise = { kind: "raiseFeatureLevels", changeId: 7 } as const;

/** The entry that puts a level in force. */
function levelEntry(index: number, term: number, application: number): Entry {
  const data = encodeConfiguration({ ...configurationOf(3), featureLevels: levels(application) });
  return { index, term, kind: "membership", data };
}

describe("raising", () => {
  it("O7: goes as far as every member supports, by an entry that all get", () => {
    const server = leader();
    hear(server, 2, 3);
    hear(server, 3, 2);
    const { changes, write } = server.turn(raise);
    expect(changes).toEqual([{ changeId: 7, accepted: true, index: 3, term: 2 }]);
    expect(server.raft.configuration.featureLevels).toEqual(levels(2));
    const [entry] = write?.append ?? [];
    expect(decodeConfiguration((entry as Entry).data)).toEqual({
      ...configurationOf(3),
      featureLevels: levels(2),
    });
  });

  it("does nothing where there is nothing to raise, and says so by the version in force", () => {
    const server = leader();
    hear(server, 2, 1);
    hear(server, 3, 3);
    expect(server.turn(raise)).toMatchObject({ changes: [{ accepted: true, index: 1 }], write: null });
  });

  it("O7: waits for those that have not said what they support, and for those that fell silent", () => {
    const server = leader();
    hear(server, 2, 3);
    expect(server.turn(raise).changes).toMatchObject([{ refusal: "outOfTouch", reason: "not heard of late: n3" }]);
    hear(server, 3, 3);
    for (let ms = 0; ms < ELECTION_TIMEOUT_MS; ms += HEARTBEAT_INTERVAL_MS) {
      server.after(HEARTBEAT_INTERVAL_MS);
      hear(server, 2, 3);
    }
    expect(server.turn(raise).changes).toMatchObject([{ accepted: false, refusal: "outOfTouch" }]);
    hear(server, 3, 3);
    expect(server.turn(raise).changes).toMatchObject([{ accepted: true }]);
  });

  it("M2: passes the same gate as every configuration", () => {
    const follower = new Server({ entries: logOf([1], 3), applicationLevel: 3 });
    expect(follower.turn(raise).changes).toMatchObject([{ refusal: "notLeader" }]);

    const fresh = new Server({ entries: logOf([1], 3), applicationLevel: 3 });
    becomeLeader(fresh);
    expect(fresh.turn(raise).changes).toMatchObject([{ refusal: "notReady" }]);

    const server = leader();
    for (const from of [2, 3]) hear(server, from, 3);
    server.turn(raise);
    expect(server.turn({ ...raise, changeId: 8 }).changes).toMatchObject([{ changeId: 8, refusal: "changePending" }]);
  });

  it("a later change of members keeps the levels", () => {
    const server = leader();
    for (const from of [2, 3]) hear(server, from, 3);
    server.turn(raise);
    server.persist();
    server.receive(accepted({ from: 2, term: 2, matchIndex: 3 }));
    const members = configurationOf(3).voters.map(({ name, address }) => ({ name, address, role: "voter" as const }));
    const moved = members.map((member) => ({ ...member, address: `${member.address}9` }));
    expect(server.turn({ kind: "changeMembers", changeId: 9, basedOn: 3, members: moved }).changes).toMatchObject([
      { accepted: true },
    ]);
    expect(server.raft.configuration.featureLevels).toEqual(levels(3));
  });
});

describe("a server that supports less", () => {
  it("C11: stops at the entry, and before it takes over anything that follows", () => {
    const server = new Server({ entries: logOf([1], 3) });
    const message = appendEntries({ from: 2, term: 1, prev: [1, 1], terms: [] });
    const entries = [levelEntry(2, 1, 2), { index: 3, term: 1, kind: "command" as const, data: bytes("new") }];
    expect(() => server.receive({ ...message, entries })).toThrow(UnsupportedFeatureLevelError);
    expect(server.raft.lastIndex).toBe(1);
  });

  it("C11: does not start, whether the log or a snapshot says so", () => {
    const server = new Server({ entries: [...logOf([1], 3), levelEntry(2, 1, 2)], applicationLevel: 2 });
    server.applicationLevel = 1;
    expect(() => server.restart(0)).toThrow(UnsupportedFeatureLevelError);
    server.applicationLevel = 2;
    expect(() => server.restart(0)).not.toThrow();

    const behind = new Server({ entries: logOf([1], 3) });
    const configuration = { ...configurationOf(3), featureLevels: levels(2) };
    const snapshot = { index: 9, term: 1, membership: { index: 5, configuration } };
    expect(() => behind.turn({ kind: "snapshotInstalled", from: 2, term: 1, stream: 1, snapshot })).toThrow(
      UnsupportedFeatureLevelError,
    );
  });

  it("says which level is needed, and which it has", () => {
    const error = new UnsupportedFeatureLevelError(levels(2), levels(1));
    expect(error.message).toContain("2 of the application");
    expect(error).toMatchObject({ needed: levels(2), supported: levels(1) });
  });
});

describe("upgrade and back", () => {
  it("O7: until the level is raised nothing needs it, and an upgrade can be taken back", () => {
    const server = new Server({ entries: logOf([1], 3), applicationLevel: 2 });
    becomeLeader(server);
    server.propose("as before");
    server.persist();
    server.applicationLevel = 1;
    expect(() => server.restart(0)).not.toThrow();
    expect(foundingConfiguration([]).featureLevels).toEqual(levels(1));
  });

  it("F15: a level that cannot be is refused", () => {
    for (const applicationLevel of [0, 1.5, Number.NaN])
      expect(() => new Server({ entries: logOf([1], 3), applicationLevel })).toThrow(RangeError);
  });

  it.each(['{"library":0,"application":1}', '{"library":1}', "1", "null"])("C11: %s are no levels", (featureLevels) => {
    const json = `{"voters":[],"nextId":1,"featureLevels":${featureLevels}}`;
    expect(() => decodeConfiguration(bytes(json))).toThrow(RangeError);
  });
});
