/** Snapshots for tests, and leaders that have one. */

import { expect } from "vitest";
import type { Input, SnapshotPoint, Term } from "../../src/index.js";
import { becomeLeader } from "./elect.js";
import { configurationOf } from "./entries.js";
import { accepted } from "./messages.js";
import { type Server, serverWith } from "./server.js";

/** A snapshot of entry `index`, with servers 1 to 3 as members since entry 1. */
export function snapshotAt(index: number, term: Term): SnapshotPoint {
  return { index, term, membership: { index: 1, configuration: configurationOf(3) } };
}

/** It is durable here, sent by server 2 as stream 7 in `term`; what is returned tells the core. */
export function installing(server: Server, snapshot: SnapshotPoint, term = server.raft.currentTerm): Input {
  server.disk.saveSnapshot(snapshot);
  return { kind: "snapshotInstalled", from: 2, term, stream: 7, snapshot };
}

export function install(server: Server, snapshot: SnapshotPoint, term?: Term): void {
  server.turn(installing(server, snapshot, term));
}

/** Leads term 2 of servers 1 to 3: entries 1 to 5 are committed and in a snapshot, 1 to `compactTo` are gone. */
export function compactedLeader(keep = 0): Server {
  const server = serverWith([1, 1, 1, 1]);
  becomeLeader(server);
  server.persist();
  server.receive(accepted({ from: 2, term: 2, matchIndex: 5 }));
  server.compact(keep);
  expect(server.raft.snapshotIndex).toBe(5);
  return server;
}
