/** Lies about what is committed and applied, each of which the ledger must catch. */

import { it } from "vitest";
import { command, Stage } from "./stage.js";

/** n1 leads term 2 with the log [1@1, 2@2, 3@2]; n2 has it too. Nothing is committed. */
function replicated(size = 3): Stage {
  const stage = new Stage(size);
  stage.elect(1, 2, size === 3 ? [2] : [2, 3]);
  stage.append(1, "a");
  stage.replicate(1, 2);
  stage.expectNothing();
  return stage;
}

it("C3: a leader counts its own entry before it is durable", () => {
  const stage = replicated();
  stage.turn(1, { write: { append: [command(4, 2)] } });
  stage.sendAppend(1, 2, 3);
  stage.write(2, { append: [command(4, 2)] });
  stage.acknowledge(2, 1, 2, 4);
  stage.commit(1, 4);
  stage.expect(
    "commit-majority",
    /Of the voters n1, n2 and n3, n2 had entry 4 of term 2 on disk by then/,
    /n1, in term 2, has commit index 4 at \d+ ms/,
  );
});

it("§5.3: a leader commits what a minority has", () => {
  const stage = replicated(5);
  stage.commit(1, 3);
  stage.expect("commit-majority", /n1 and n2 had entry 3 of term 2 on disk/, /n1, in term 2, has commit index 3/);
});

it("C1: a leader commits an entry of an older term by counting replicas", () => {
  const stage = replicated(5);
  stage.elect(2, 3, [3, 4]);
  stage.sendAppend(2, 3, 1);
  stage.write(3, { append: stage.actor(2).log.slice(1, 3) });
  stage.acknowledge(3, 2, 3, 3);
  stage.commit(2, 3);
  stage.expect(
    "commit-own-term",
    /n2 leads term 3, but has entry 3 of term 2 there/,
    /n2, in term 3, has commit index 3/,
  );
});

it("a disk that was lost after it acknowledged is no lie of the leader", () => {
  const stage = replicated();
  stage.crash(2);
  stage.ledger.onDiskLost(2);
  stage.commit(1, 3);
  stage.expectNothing();
});

it("R4: a follower commits what no leader committed", () => {
  const stage = replicated();
  stage.commit(2, 3);
  stage.expect(
    "commit-origin",
    /The last entry that any leader committed is no entry/,
    /n2, in term 2, has commit index 3/,
  );
});

it("a late leader may commit what a later one has committed before it, and so may its followers", () => {
  const stage = replicated(5);
  stage.replicate(1, 3);
  stage.turn(5, { write: { hardState: { currentTerm: 2, votedFor: 0 }, append: stage.actor(1).log.slice(1) } });
  stage.elect(2, 3, [3, 4]);
  for (const id of [3, 4]) stage.replicate(2, id);
  stage.commit(2, 4);
  stage.commit(1, 3);
  stage.commit(5, 3);
  stage.expectNothing();
});

it("a follower of an old term commits what was committed in a later one", () => {
  const stage = replicated(5);
  stage.replicate(1, 3);
  stage.turn(5, { write: { hardState: { currentTerm: 2, votedFor: 0 }, append: stage.actor(1).log.slice(1) } });
  stage.elect(2, 3, [3, 4]);
  for (const id of [3, 4]) stage.replicate(2, id);
  stage.commit(2, 4);
  stage.commit(5, 3);
  stage.expect(
    "commit-origin",
    /Entry 3 of term 2 was committed first by n2 as leader of term 3/,
    /n5, in term 2, has commit index 3/,
  );
});

it("State Machine Safety: a leader that was deposed commits another entry at the same index", () => {
  const stage = replicated();
  stage.append(1, "lost");
  stage.elect(2, 3, [3]);
  stage.replicate(2, 3);
  stage.commit(2, 4);
  stage.commit(1, 4);
  stage.expect(["commit-majority", "state-machine-safety", "leader-completeness"], /committed/, /n2, leader of term 3/);
});

it("R5: State Machine Safety: a follower commits what it has from a dead leader", () => {
  const stage = replicated();
  stage.append(1, "lost");
  stage.elect(2, 3, [3]);
  stage.replicate(2, 3);
  stage.commit(2, 4);
  stage.turn(1, { write: { hardState: { currentTerm: 3, votedFor: 0 } } }, { role: "follower", commitIndex: 4 });
  stage.expect(
    "state-machine-safety",
    /Entry 4 of term 3 was committed by n2 as leader of term 3 at \d+ ms/,
    /n1, in term 3, has commit index 4 at \d+ ms, and with it entry 4 of term 2 in the log of n1/,
  );
});

it("the commit index falls", () => {
  const stage = replicated();
  stage.commit(1, 3);
  stage.commit(1, 2);
  stage.expect("commit-monotone", /n1 had commit index 3 at its last turn/, /n1, in term 2, has commit index 2/);
});

it("C7: the commit index passes the end of the log", () => {
  const stage = replicated();
  stage.commit(1, 9);
  stage.expect("commit-bounds", /The log of n1 ends with entry 3 of term 2/, /n1, in term 2, has commit index 9/);
});

it("applies what is not committed", () => {
  const stage = replicated();
  stage.turn(1, { applyTo: 3 });
  stage.expect("apply-bounds", /n1 has commit index 0/, /n1 may apply everything up to entry 3/);
});

it("C12: applies what is not on its own disk", () => {
  const stage = replicated();
  stage.commit(1, 3);
  stage.turn(3, { write: { hardState: { currentTerm: 2, votedFor: 0 }, append: stage.actor(1).log.slice(1) } });
  stage.turn(3, { applyTo: 3 }, { commitIndex: 3 });
  stage.expect(
    "apply-bounds",
    /disk of n3 holds a log that ends with entry 1 of term 1/,
    /n3 may apply .* up to entry 3/,
  );
});

it("goes back in what may be applied", () => {
  const stage = replicated();
  stage.turn(1, { applyTo: 3 }, { commitIndex: 3 });
  stage.turn(1, { applyTo: 2 });
  stage.expect("apply-bounds", /n1 could apply up to entry 3 already/, /n1 may apply everything up to entry 2/);
});

/** n1 may apply the commands 3, 4 and 5. */
function applying(): Stage {
  const stage = replicated();
  stage.append(1, "b");
  stage.append(1, "c");
  stage.replicate(1, 2);
  stage.turn(1, { applyTo: 5 }, { commitIndex: 5 });
  return stage;
}

it("has nothing to say when each command is applied once, in every life", () => {
  const stage = applying();
  for (const [place, text] of ["a", "b", "c"].entries()) {
    stage.ledger.onApplied(1, 3 + place, 2, command(0, 0, text).data);
  }
  stage.expectNothing();
});

it("C6: a command is left out", () => {
  const stage = applying();
  stage.ledger.onApplied(1, 3, 2, command(3, 2, "a").data);
  stage.ledger.onApplied(1, 5, 2, command(5, 2, "c").data);
  stage.expect("applied", /Entry 4 of term 2 is a command that it did not get/, /state machine of n1 got .* entry 5/);
});

it("K15: a command is applied twice", () => {
  const stage = applying();
  for (const _ of [1, 2]) stage.ledger.onApplied(1, 3, 2, command(3, 2, "a").data);
  stage.expect("applied", /The state machine of n1 got entry 3 in this life already/, /got the command of entry 3/);
});

it("a command is applied before the core gave it free", () => {
  const stage = applying();
  stage.commit(2, 5);
  stage.ledger.onApplied(2, 3, 2, command(3, 2, "a").data);
  stage.expect("applied", /n2 may apply up to entry 0 so far/, /The state machine of n2 got the command of entry 3/);
});

it.each([
  ["other bytes", 3, 2, "b"],
  ["another term", 3, 1, "a"],
  ["an entry that is no command", 2, 2, ""],
])("State Machine Safety: a state machine gets %s", (_, index, term, text) => {
  const stage = applying();
  stage.ledger.onApplied(1, index, term, command(0, 0, text).data);
  stage.expect(
    "state-machine-safety",
    /Entry \d of term 2, a \w+, was committed by n1 as leader of term 2/,
    /The state machine of n1 got the command of entry/,
  );
});
