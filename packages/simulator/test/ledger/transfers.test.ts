/** Lies about who hands over to whom, and who campaigns in whose name. */

import type { TimeoutNow } from "@quorate/core";
import { describe, it } from "vitest";
import { Stage } from "./stage.js";

/** n1 leads term 2 with the log [1@1, 2@2, 3@2], all of it committed; n2 has it too. n3 lacks all but the first. */
function led(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1, "a");
  stage.commitAll(1, 2);
  stage.expectNothing();
  return stage;
}

function word(lie: Partial<TimeoutNow> = {}): TimeoutNow {
  return { kind: "timeoutNow", from: 1, to: 2, term: 2, lastLogIndex: 3, lastLogTerm: 2, ...lie };
}

/** n2 stands for term 3, and asks n3 for its vote in the name of n1. */
function campaign(stage: Stage): void {
  stage.stand(2, 3);
  const claim = { lastLogIndex: 3, lastLogTerm: 2, isTransfer: true };
  stage.say({ kind: "requestVote", from: 2, to: 3, term: 3, round: 1, ...claim });
}

it("has nothing to say of a leader that hands over to whoever has all", () => {
  const stage = led();
  stage.say(word());
  stage.ledger.onStep(2, { kind: "receive", message: word() });
  campaign(stage);
  stage.expectNothing();
});

describe("a leader tells one to campaign", () => {
  it("T3, T7: that has not acknowledged all of its log", () => {
    const stage = led();
    stage.append(1, "b");
    stage.say(word({ lastLogIndex: 4 }));
    stage.expect("timeout-now", /n2 has acknowledged to n1 in term 2 no more than entry 3/, /n1 tells n2 to campaign/);
  });

  it("T3: that is no voter", () => {
    const stage = led();
    stage.say(word({ to: 4 }));
    stage.expect("timeout-now", /n4 is no voter in the configuration in force on n1/, /n1 tells n4 to campaign/);
  });

  it("T3: with another end than that of its log", () => {
    const stage = led();
    stage.say(word({ lastLogIndex: 3, lastLogTerm: 1 }));
    stage.expect(
      "timeout-now",
      /The log of n1, leader of term 2, ends with entry 3 of term 2/,
      /ends with entry 3 of term 1/,
    );
  });

  it("that does not lead", () => {
    const stage = led();
    stage.say(word({ from: 3, term: 1 }), 3);
    stage.expect("not-a-leader", /Nobody has led term 1 so far/, /n3 sends a message of kind timeoutNow/);
  });
});

describe("a server campaigns in the name of a leader", () => {
  it("T6: that has not told it to", () => {
    const stage = led();
    campaign(stage);
    stage.expect(
      "transfer-campaign",
      /Nobody has told n2 to campaign in this life/,
      /n2 asks for votes in term 3 in the name/,
    );
  });

  it("T4: that told it so terms ago", () => {
    const stage = led();
    stage.ledger.onStep(2, { kind: "receive", message: word({ term: 1 }) });
    campaign(stage);
    stage.expect("transfer-campaign", /told to campaign last by n1, leader of term 1/, /n2 asks for votes in term 3/);
  });

  it("T4: that told it twice before it drew conclusions, and it may have been the other word", () => {
    const stage = led();
    for (const lie of [{}, { lastLogIndex: 2 }]) stage.ledger.onStep(2, { kind: "receive", message: word(lie) });
    campaign(stage);
    stage.expectNothing();
  });

  it("T3: without its log", () => {
    const stage = led();
    stage.ledger.onStep(2, { kind: "receive", message: word({ lastLogIndex: 4 }) });
    campaign(stage);
    stage.expect("transfer-campaign", /with a log that ends with entry 4 of term 2/, /ends with entry 3 of term 2/);
  });
});

describe("loyalty", () => {
  const request = { kind: "requestVote", from: 3, to: 2, term: 3, round: 1, lastLogIndex: 9, lastLogTerm: 2 } as const;
  const heartbeat = { kind: "heartbeat", from: 1, to: 2, term: 2, round: 1, leaderCommit: 0, isQuiet: false } as const;
  const vote = { write: { hardState: { currentTerm: 3, votedFor: 3 } } };

  /** n2 hears its leader at 1000 by its own clock, and n3, which stands for term 3, at `now`. */
  function asked(now: number, isTransfer: boolean): Stage {
    const stage = led();
    stage.ledger.onStep(2, { kind: "receive", message: heartbeat }, 1000);
    stage.turn(2);
    stage.ledger.onStep(2, { kind: "receive", message: { ...request, isTransfer } }, now);
    stage.isSilent = true;
    stage.turn(2, vote);
    return stage;
  }

  it("L3: a follower that hears its leader helps to depose it", () => {
    asked(1099, false).expect(
      "term-origin",
      /n2 was in term 2, and heard of no term above 2/,
      /n2 asks to store term 3/,
    );
  });

  it("L3: so does a leader", () => {
    const stage = led();
    stage.ledger.onStep(1, { kind: "receive", message: { ...request, to: 1, isTransfer: false } }, 1000);
    stage.isSilent = true;
    stage.turn(1, vote, { role: "follower" });
    stage.expect("term-origin", /n1 was in term 2/, /n1 asks to store term 3 with a vote for n3/);
  });

  it("ends an election timeout after the leader was heard", () => {
    asked(1100, false).expectNothing();
  });

  it("T6: ends if it is the leader that wants another", () => {
    asked(1001, true).expectNothing();
  });
});

it("T1: a leader that hands over takes a proposal", () => {
  const stage = led();
  stage.turn(1, {}, { transferTo: 2 });
  stage.ledger.onStep(1, { kind: "propose", proposalId: 5, commands: [new Uint8Array([120])] });
  const entry = { index: 4, term: 2, kind: "command", data: new Uint8Array([120]) } as const;
  const proposals = [{ proposalId: 5, accepted: true, firstIndex: 4, term: 2 } as const];
  stage.turn(1, { write: { append: [entry] }, proposals });
  stage.expect(
    "transfer-proposals",
    /n1, leader of term 2, was handing over to n2/,
    /n1 accepts proposal 5 for entry 4/,
  );
});

it("T2: a transfer is answered that nobody asked for", () => {
  const stage = led();
  stage.turn(1, { transfers: [{ transferId: 3, to: 2, result: "timedOut" }] });
  stage.expect("transfer-outcome", /No transfer 3 waits on n1/, /n1 answers transfer 3: timedOut/);
});

it("T2: a transfer has no end", () => {
  const stage = led();
  stage.ledger.onStep(1, { kind: "transferLeadership", transferId: 1, to: 2 }, 1000);
  stage.turn(1, {}, { transferTo: 2 });
  stage.ledger.onStep(1, { kind: "tick" }, 1099);
  stage.turn(1);
  stage.expectNothing();
  stage.ledger.onStep(1, { kind: "tick" }, 1100);
  stage.turn(1);
  stage.expect("transfer-deadline", /n1 has been handing over to n2 since its clock showed 1000/, /shows 1100 ms/);
});
