/**
 * Random runs of one to five servers: whatever happens to messages, disks and machines, the invariants hold after every
 * step (see `support/invariants.ts`); and once all is well again, so is the cluster.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { actions, RandomRun, runOptions } from "./support/random-run.js";
import { numRuns } from "./support/runs.js";
import { ELECTION_TIMEOUT_MS } from "./support/server.js";

/** How long it may take, in election timeouts, until a healed cluster commits again. */
const PATIENCE = 20;

it("every run keeps the invariants, and makes progress once the faults end", () => {
  fc.assert(
    fc.property(runOptions, actions, (options, list) => {
      const run = new RandomRun(options);
      for (const action of list) run.perform(action);
      run.healEverything();
      expectProgress(run);
    }),
    { numRuns: numRuns(400) },
  );
});

function expectProgress(run: RandomRun): void {
  const { cluster } = run;
  const servers = [...cluster.servers.values()];
  const leader = () =>
    servers.find(
      ({ raft }) => raft.role === "leader" && servers.every((other) => other.raft.leaderId === raft.leaderId),
    );
  expect(run.runUntil(() => leader() !== undefined, PATIENCE * ELECTION_TIMEOUT_MS)).not.toBeNull();
  const proposal = cluster.propose(leader()?.id ?? 0, "after all").outcome;
  const index = proposal?.accepted === true ? proposal.firstIndex : Number.NaN;
  const isEverywhere = () => servers.every(({ effects }) => effects.applyTo >= index);
  expect(run.runUntil(isEverywhere, PATIENCE * ELECTION_TIMEOUT_MS)).not.toBeNull();
  const waiting = () =>
    cluster.reads.filter(({ server, life, outcome }) => outcome === null && cluster.server(server).lives === life);
  expect(run.runUntil(() => waiting().length === 0, PATIENCE * ELECTION_TIMEOUT_MS)).not.toBeNull();
}
