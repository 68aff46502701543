/**
 * Random runs of one to five servers: whatever happens to messages, disks and machines, the invariants hold after every
 * step (see `support/invariants.ts`); and once all is well again, so is the cluster. `QUORATE_RUNS=100` tries a hundred
 * times as many.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { type Index, membersOf, type Term } from "../src/index.js";
import { type Action, actions, type RunOptions, runOptions } from "./support/random-actions.js";
import { RandomRun } from "./support/random-run.js";
import { numRuns } from "./support/runs.js";
import { ELECTION_TIMEOUT_MS } from "./support/server.js";

/** How long it may take until a healed cluster has a leader, commits, and answers. */
const PATIENCE_MS = 20 * ELECTION_TIMEOUT_MS;

/** For any number of runs, on a machine that does other things as well. */
const timeout = 600_000;

it("every run keeps the invariants, and makes progress once the faults end", { timeout }, () => {
  fc.assert(
    fc.property(runOptions, actions, (options, list) => {
      const run = new RandomRun(options);
      for (const action of list) run.perform(action);
      run.healEverything();
      expectProgress(run);
    }),
    { numRuns: numRuns(2000) },
  );
});

function expectProgress(run: RandomRun): void {
  const { cluster } = run;
  /** Whoever leads in the eyes of all its members, with no change under way. */
  const leader = () =>
    [...cluster.servers.values()].find(({ id, raft }) => {
      const { outgoingVoters, target } = raft.configuration;
      const isSettled = outgoingVoters.length === 0 && target === null;
      return (
        isSettled && membersOf(raft.configuration).every((member) => cluster.server(member.id).raft.leaderId === id)
      );
    });
  // A leader that stood still may take a proposal before it learns that it is none; then another one is asked.
  let proposed: { readonly index: Index; readonly term: Term } = { index: 0, term: 0 };
  const isEverywhere = () => {
    const leading = leader();
    if (leading === undefined) return false;
    if (leading.raft.currentTerm !== proposed.term) {
      const { outcome } = cluster.propose(leading.id, "after all");
      if (outcome?.accepted === true) proposed = { index: outcome.firstIndex, term: outcome.term };
    }
    const { index, term } = proposed;
    return membersOf(leading.raft.configuration).every(({ id }) => {
      const { effects, raft } = cluster.server(id);
      return index > 0 && effects.applyTo >= index && raft.termAt(index) === term;
    });
  };
  expect(run.runUntil(isEverywhere, PATIENCE_MS), "a commit everywhere").not.toBeNull();
  const isWaiting = () =>
    [...cluster.reads, ...cluster.transfers].some(
      ({ server, life, outcome }) => outcome === null && cluster.server(server).lives === life,
    );
  expect(
    run.runUntil(() => !isWaiting(), PATIENCE_MS),
    "an answer to everyone who asked",
  ).not.toBeNull();
}

it("F13: the same facts have the same consequences, byte for byte", { timeout }, () => {
  fc.assert(
    fc.property(runOptions, actions, (options, list) => {
      expect(consequences(options, list)).toBe(consequences(options, list));
    }),
    { numRuns: numRuns(50) },
  );
});

function consequences(options: RunOptions, list: readonly Action[]): string {
  const run = new RandomRun(options);
  const lines: string[] = [];
  run.cluster.onEffects = (id, effects) => lines.push(`${id} ${JSON.stringify(effects)} ${effects.deadline}`);
  for (const action of list) run.perform(action);
  return lines.join("\n");
}
