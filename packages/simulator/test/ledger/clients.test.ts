/** Lies to clients, each of which the ledger must catch. */

import type { ProposalOutcome } from "@quorate/core";
import { it } from "vitest";
import { command, Stage } from "./stage.js";

/** n1 leads term 2 with the log [1@1, 2@2], committed with n2. */
function committed(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.replicate(1, 2);
  stage.commit(1, 2);
  stage.expectNothing();
  return stage;
}

it("has nothing to say of a read that sees what was committed when it began", () => {
  const stage = committed();
  stage.ledger.onStep(3, { kind: "read", readId: 7 });
  stage.append(1);
  stage.replicate(1, 2);
  stage.commit(1, 3);
  stage.turn(3, { reads: [{ readId: 7, ready: true, index: 2 }] });
  stage.expectNothing();
});

it("Q1: a new leader serves a read before it knows what is committed", () => {
  const stage = committed();
  stage.elect(2, 3, [3]);
  stage.ledger.onStep(2, { kind: "read", readId: 7 });
  stage.turn(2, { reads: [{ readId: 7, ready: true, index: 0 }] });
  stage.expect(
    "read-index",
    /n1 committed entry 2 of term 2 at \d+ ms, and read 7 began on n2 at \d+ ms/,
    /n2 answers read 7 from entry 0 on, at \d+ ms/,
  );
});

it("Q9: a leader that was deposed serves a read", () => {
  const stage = committed();
  stage.elect(2, 3, [3]);
  stage.replicate(2, 3);
  stage.commit(2, 3);
  stage.ledger.onStep(1, { kind: "read", readId: 1 });
  stage.turn(1, { reads: [{ readId: 1, ready: true, index: 2 }] });
  stage.expect("read-index", /n2 committed entry 3 of term 3/, /n1 answers read 1 from entry 2 on/);
});

it("Q3: a read is answered that nobody asked, or twice", () => {
  const stage = committed();
  stage.ledger.onStep(1, { kind: "read", readId: 1 });
  stage.turn(1, { reads: [{ readId: 1, ready: false, refusal: "noLeader" }] });
  stage.expectNothing();
  stage.turn(1, { reads: [{ readId: 1, ready: false, refusal: "noLeader" }] });
  stage.expect("read-answer", /No read 1 waits on n1 for an answer/, /n1 answers read 1/);
});

it("an answer is not for the read of an earlier life", () => {
  const stage = committed();
  stage.ledger.onStep(3, { kind: "read", readId: 1 });
  stage.crash(3);
  stage.start(3);
  stage.turn(3, { reads: [{ readId: 1, ready: true, index: 2 }] });
  stage.expect("read-answer", /No read 1 waits on n3/, /n3 answers read 1/);
});

const accepted: ProposalOutcome = { proposalId: 5, accepted: true, firstIndex: 3, term: 2 };

function proposed(): Stage {
  const stage = committed();
  const commands = [command(3, 2).data, command(4, 2).data];
  stage.ledger.onStep(1, { kind: "propose", proposalId: 5, commands });
  return stage;
}

it("has nothing to say of a proposal that is where its answer says", () => {
  const stage = proposed();
  stage.turn(1, { write: { append: [command(3, 2), command(4, 2)] }, proposals: [accepted] });
  stage.expectNothing();
});

it("has nothing to say of a proposal that another leader's entries replaced in the same turn", () => {
  const stage = proposed();
  stage.turn(1, { write: { hardState: { currentTerm: 3, votedFor: 0 } }, proposals: [accepted] }, { role: "follower" });
  stage.expectNothing();
});

it.each([
  ["at another index", { ...accepted, firstIndex: 2 }, [command(3, 2), command(4, 2)]],
  ["in another term", { ...accepted, term: 3 }, [command(3, 2), command(4, 2)]],
  ["with one command left out", accepted, [command(3, 2)]],
  ["with its commands in another order", accepted, [command(3, 2, "4@2"), command(4, 2, "3@2")]],
])("K1: a proposal is %s", (_, outcome, append) => {
  const stage = proposed();
  stage.turn(1, { write: { append }, proposals: [outcome] });
  stage.expect(
    "proposal-outcome",
    /n1 was asked for proposal 5 of 2 commands at \d+ ms, and has entry \d of term 2 where command \d of them should be/,
    /n1 answers that proposal 5 begins at entry \d of term \d/,
  );
});

it("K5: a proposal gets no answer", () => {
  const stage = proposed();
  stage.turn(1);
  stage.expect("proposal-outcome", /n1 was asked to propose 5/, /n1 answers the proposals with nothing/);
});

it("K9: a proposal gets two answers", () => {
  const stage = proposed();
  const proposals: ProposalOutcome[] = [1, 2].map(() => ({ proposalId: 5, accepted: false, leaderId: 2 }));
  stage.turn(1, { proposals });
  stage.expect("proposal-outcome", /n1 was asked to propose 5\./, /n1 answers the proposals 5, 5/);
});

it("a proposal is answered that nobody made", () => {
  const stage = committed();
  stage.turn(1, { proposals: [{ proposalId: 9, accepted: false, leaderId: 2 }] });
  stage.expect(["proposal-outcome", "proposal-outcome"], /asked to propose nothing/, /n1 answers the proposals 9/);
});
