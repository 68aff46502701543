/** Lies about votes and leaders, each of which the ledger must catch. */

import { it } from "vitest";
import { restored, Stage } from "./stage.js";

/** n1 leads term 2, by the vote of n2, and has committed its first entry with it. */
function afterElection(size = 3): Stage {
  const stage = new Stage(size);
  stage.elect(1, 2, size === 3 ? [2] : [2, 3]);
  stage.replicate(1, 2);
  if (size === 5) stage.replicate(1, 3);
  stage.commit(1, 2);
  stage.expectNothing();
  return stage;
}

it("has nothing to say when leaders follow each other as they should", () => {
  const stage = afterElection();
  stage.append(1, "lost");
  stage.elect(2, 3, [3]);
  stage.replicate(2, 3);
  stage.commit(2, 3);
  stage.replicate(2, 1);
  stage.commit(1, 3);
  stage.expectNothing();
});

it("Election Safety: two servers say that they lead", () => {
  const stage = afterElection();
  stage.turn(3, { write: { hardState: { currentTerm: 2, votedFor: 3 } } }, { role: "candidate" });
  stage.store(3);
  stage.turn(3, {}, { role: "leader" });
  stage.expect("election-safety", /^n1 has led term 2 since \d+ ms\.$/, /^n3 leads in term 2 at \d+ ms\.$/);
});

it("Election Safety: a second one speaks as leader", () => {
  const stage = afterElection();
  stage.turn(3, { write: { hardState: { currentTerm: 2, votedFor: 0 } } });
  stage.say({ kind: "heartbeat", from: 3, to: 2, term: 2, round: 1, leaderCommit: 0, isQuiet: false });
  stage.expect("election-safety", /n1 has led term 2/, /n3 sends a message of kind heartbeat as leader of term 2/);
});

it("E28: a server leads on after a restart", () => {
  const stage = afterElection();
  stage.crash(1);
  stage.start(1, restored(3, [1, 2], 2, 1));
  stage.turn(1, {}, { role: "leader" });
  stage.expect("election-safety", /n1 has led term 2/, /n1 leads term 2 .* in another life/);
});

it("speaks as leader without having led", () => {
  const stage = new Stage();
  stage.turn(2, { write: { hardState: { currentTerm: 4, votedFor: 0 } } });
  stage.say({ kind: "commit", from: 2, to: 1, term: 4, leaderCommit: 0 });
  stage.expect("not-a-leader", /Nobody has led term 4/, /n2 sends a message of kind commit as leader of term 4/);
});

it("leads with fewer votes than a majority", () => {
  const stage = new Stage(5);
  stage.stand(1, 2);
  stage.vote(2, 2, 1);
  stage.turn(1, {}, { role: "leader" });
  stage.expect("elected-by-majority", /Of the voters n1, n2, n3, n4 and n5, n1 and n2 voted for n1/, /n1 leads term 2/);
});

it("E4: counts a vote of an earlier term", () => {
  const stage = new Stage();
  stage.stand(1, 2);
  stage.vote(2, 2, 1);
  stage.stand(1, 3);
  stage.turn(1, {}, { role: "leader" });
  stage.expect("elected-by-majority", /n1 voted for n1 in term 3/, /n1 leads term 3/);
});

it("E3: leads before its own vote is durable", () => {
  const stage = new Stage(2);
  stage.turn(1, { write: { hardState: { currentTerm: 2, votedFor: 1 } } }, { role: "candidate" });
  stage.vote(2, 2, 1);
  stage.turn(1, {}, { role: "leader" });
  stage.expect("elected-by-majority", /n2 voted for n1/, /n1 leads term 2/);
});

it("E1: two votes in one term, in one life", () => {
  const stage = afterElection();
  stage.turn(2, { write: { hardState: { currentTerm: 2, votedFor: 3 } } });
  stage.expect("one-vote", /n2 asked to store term 2 with a vote for n1/, /n2 asks to store term 2 with a vote for n3/);
});

it("E3: two votes in one term, the first forgotten in a crash", () => {
  const stage = new Stage();
  stage.stand(1, 2);
  stage.turn(2, { write: { hardState: { currentTerm: 2, votedFor: 1 } } });
  stage.sayVote(2, 2, 1);
  stage.crash(2);
  stage.start(2);
  stage.turn(2, { write: { hardState: { currentTerm: 2, votedFor: 3 } } });
  stage.store(2);
  stage.expect(["vote-durable", "one-vote"], /n2 voted for n1 in term 2/, /n2 has a vote on its disk for n3 in term 2/);
});

it("M17: a server whose disk was lost is another voter", () => {
  const stage = new Stage();
  stage.stand(1, 2);
  stage.vote(2, 2, 1);
  stage.crash(2);
  stage.ledger.onDiskLost(2);
  stage.start(2);
  stage.vote(2, 2, 3);
  stage.expectNothing();
});

it("E3: a vote is told before it is durable", () => {
  const stage = new Stage();
  stage.stand(1, 2);
  stage.turn(2, { write: { hardState: { currentTerm: 2, votedFor: 1 } } });
  stage.sayVote(2, 2, 1);
  stage.expect("vote-durable", /disk of n2 holds term 1 and no vote/, /n2 told of its vote for n1 in term 2/);
});

it("E3: a candidate asks before its own vote is durable", () => {
  const stage = new Stage();
  stage.turn(1, { write: { hardState: { currentTerm: 2, votedFor: 1 } } }, { role: "candidate" });
  stage.askForVotes(1, 2, 2);
  stage.expect("vote-durable", /disk of n1 holds term 1 and no vote/, /n1 told of its vote for n1 in term 2/);
});

it("E8: a vote for a candidate with an older log", () => {
  const stage = afterElection();
  stage.stand(3, 3);
  stage.vote(2, 3, 3);
  stage.expect(
    "election-restriction",
    /n3 stood for term 3 with a log that ended with entry 1 of term 1/,
    /n2, whose log ends with entry 2 of term 2, voted for it/,
  );
});

it("a candidate claims more than its log has", () => {
  const stage = new Stage();
  stage.stand(1, 2);
  stage.say({
    kind: "requestVote",
    from: 1,
    to: 2,
    term: 2,
    round: 1,
    lastLogIndex: 7,
    lastLogTerm: 1,
    isTransfer: false,
  });
  stage.expect("candidate-claim", /ended with entry 1 of term 1/, /with a log that ends with entry 7 of term 1/);
});

it("P2: a candidate claims what is not on its disk", () => {
  const stage = afterElection();
  stage.turn(3, { write: { append: stage.actor(1).log.slice(1), hardState: { currentTerm: 2, votedFor: 0 } } });
  stage.turn(3, { write: { hardState: { currentTerm: 3, votedFor: 3 } } }, { role: "candidate" });
  stage.askForVotes(3, 3, 2);
  stage.expect(
    ["vote-durable", "candidate-claim"],
    /The disk of n3 holds a log that ends with entry 1 of term 1/,
    /n3 asked for votes in term 3 with a log that ends with entry 2 of term 2/,
  );
});

it("E28: a candidate asks for a term that it never stood for", () => {
  const stage = new Stage();
  stage.crash(2);
  stage.ledger.onDiskLost(2);
  stage.start(2, restored(3, [1], 5, 2));
  stage.say({
    kind: "requestVote",
    from: 2,
    to: 1,
    term: 5,
    round: 1,
    lastLogIndex: 1,
    lastLogTerm: 1,
    isTransfer: false,
  });
  stage.expect("candidate-claim", /n2 never asked its disk to keep a vote for itself in term 5/, /n2 asked for votes/);
});

it("Leader Completeness: a leader without an entry that was committed before", () => {
  const stage = new Stage(5);
  stage.elect(1, 2, [2, 3]);
  stage.replicate(1, 2);
  stage.replicate(1, 3);
  stage.commit(1, 2);
  // n2 and n3 lose their disks: the votes that they give are no lies of theirs any more.
  for (const id of [2, 3]) {
    stage.crash(id);
    stage.ledger.onDiskLost(id);
    stage.start(id);
  }
  stage.stand(4, 3);
  for (const id of [2, 3]) stage.vote(id, 3, 4);
  stage.lead(4, 3);
  stage.expect(
    "leader-completeness",
    /The leader of term 2, n1, committed entry 2 of term 2 at \d+ ms/,
    /n4, leader of term 3 since \d+ ms, has a log that ends with entry 1 of term 1/,
  );
});

it("Leader Completeness: a leader commits what the leader of a later term does not have", () => {
  const stage = new Stage(5);
  stage.elect(1, 2, [2, 3]);
  stage.replicate(1, 2);
  stage.elect(4, 3, [3, 5]);
  stage.expectNothing();
  for (const id of [3]) stage.write(id, { append: stage.actor(1).log.slice(1) });
  stage.turn(1, {}, { commitIndex: 2 });
  stage.expect("leader-completeness", /The leader of term 2, n1, committed entry 2 of term 2/, /n4, leader of term 3/);
});

it("Leader Completeness is bound to higher terms: a late leader of a lower term need not have it", () => {
  const stage = new Stage(5);
  stage.stand(1, 2);
  stage.vote(2, 2, 1);
  stage.vote(3, 2, 1);
  stage.elect(4, 3, [3, 5]);
  stage.replicate(4, 5);
  stage.replicate(4, 3);
  stage.commit(4, 2);
  // The votes of term 2 arrive only now.
  stage.lead(1, 2);
  stage.expectNothing();
});
