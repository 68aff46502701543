/** Lies about logs, each of which the ledger must catch. */

import { foundingConfiguration, type Write } from "@quorate/core";
import { it } from "vitest";
import { command, Stage } from "./stage.js";

/** n1 leads term 2, and n2 has its log: [1@1, 2@2, 3@2], committed. */
function afterCommit(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.append(1);
  stage.replicate(1, 2);
  stage.commit(1, 3);
  stage.expectNothing();
  return stage;
}

it("Log Matching: two contents under one name", () => {
  const stage = afterCommit();
  const noop = stage.actor(1).log.slice(1, 2);
  stage.write(3, { hardState: { currentTerm: 2, votedFor: 0 }, append: [...noop, command(3, 2, "y")] });
  stage.expect(
    "log-matching",
    /^Entry 3 of term 2 was first seen on n1 at \d+ ms, with one content/,
    /^Entry 3 of term 2, as n3 asks to store it at \d+ ms, says something else/,
  );
});

it("F11: an entry whose bytes somebody wrote to is another entry", () => {
  const stage = afterCommit();
  const entry = stage.append(1);
  entry.data[0] = 0;
  stage.write(2, { append: [entry] });
  stage.expect(
    "log-matching",
    /^Entry 4 of term 2 was first seen on n1/,
    /as n2 asks to store it .* says something else/,
  );
});

it("Log Matching: two pasts under one name", () => {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.elect(3, 3, [2]);
  const second = stage.append(3);
  // n2 keeps the leader's second entry, but after an entry of term 2.
  stage.write(2, { append: [...stage.actor(1).log.slice(1), { ...second, index: 3 }] });
  stage.expect(
    "log-matching",
    /^Entry 3 of term 3 was first seen on n3 at \d+ ms, after entry 2 of term 3/,
    /^Entry 3 of term 3, as n2 asks to store it at \d+ ms, comes after entry 2 of term 2/,
  );
});

it("an entry that no leader made", () => {
  const stage = afterCommit();
  stage.write(2, { append: [command(4, 2)] });
  stage.expect(
    "entry-origin",
    /n1, leader of term 2 since \d+ ms, has a log that ends with entry 3 of term 2/,
    /n2, which did not stand for term 2, asks to store entry 4 of term 2/,
  );
});

it("R17: a leader takes back what it appended", () => {
  const stage = afterCommit();
  stage.append(1);
  stage.turn(1, { write: { truncateFrom: 4 } });
  stage.expect("leader-append-only", /n1 has led term 2/, /n1 asks to remove everything from entry 4 on/);
});

it("a leader that lost its term may truncate", () => {
  const stage = afterCommit();
  stage.append(1);
  stage.turn(1, { write: { hardState: { currentTerm: 3, votedFor: 0 }, truncateFrom: 4 } }, { role: "follower" });
  stage.expectNothing();
});

it("C8: a follower truncates what it knows to be committed", () => {
  const stage = afterCommit();
  stage.commit(2, 3);
  stage.turn(2, { write: { truncateFrom: 3 } });
  stage.expect(
    "truncate-committed",
    /n2 knew at its last turn that everything up to entry 3 is committed/,
    /n2 asks to remove everything from entry 3 on/,
  );
});

it("a server drops what was committed without its knowledge", () => {
  const stage = afterCommit();
  stage.turn(2, { write: { hardState: { currentTerm: 3, votedFor: 0 }, truncateFrom: 3 } });
  stage.expect(
    "committed-stays",
    /^Entry 3 of term 2 was committed by n1 as leader of term 2 at \d+ ms/,
    /n2 asks for a log that ends with entry 2 of term 2/,
  );
});

it("what a later leader committed may go from where its own entry never came, and nowhere else", () => {
  const stage = new Stage(5);
  stage.elect(1, 2, [2, 3]);
  stage.append(1);
  stage.replicate(1, 2);
  stage.elect(3, 3, [4, 5]);
  stage.elect(1, 4, [4, 5]);
  for (const id of [4, 5]) stage.replicate(1, id);
  stage.commit(1, 4);
  // n2 has 3@2, of which it knows from the leader of term 2, and hears of the one of term 3 only now.
  stage.replicate(3, 2);
  stage.expectNothing();
  stage.turn(4, { write: { hardState: { currentTerm: 5, votedFor: 0 }, truncateFrom: 3 } });
  stage.expect(
    "committed-stays",
    /^Entry 4 of term 4 was committed by n1 as leader of term 4/,
    /n4 asks for a log that ends with entry 2 of term 2/,
  );
});

it("R11: a server drops what it acknowledged, and stays in the term in which it did", () => {
  for (const hardState of [null, { currentTerm: 3, votedFor: 0 }]) {
    const stage = new Stage();
    stage.elect(1, 2, [2]);
    stage.append(1);
    stage.replicate(1, 2);
    stage.turn(2, { write: { hardState, truncateFrom: 3 } });
    if (hardState !== null) stage.expectNothing();
    else
      stage.expect(
        "acknowledged-stays",
        /n2 acknowledged everything up to entry 3 to n1, leader of term 2/,
        /n2 asks for a log that ends with entry 2 of term 2/,
      );
  }
});

it.each<[string, Partial<Write>, RegExp]>([
  ["a gap", { append: [command(6, 2)] }, /entry 6 of term 2 after entry 3 of term 2 while in term 2/],
  ["a term that falls", { append: [command(4, 1)] }, /entry 4 of term 1 after entry 3 of term 2/],
  ["a term to come", { append: [command(4, 9)] }, /entry 4 of term 9 after entry 3 of term 2 while in term 2/],
  ["a truncation past the end", { truncateFrom: 9 }, /asks for a truncation from entry 9 on/],
  ["a number left out", { seq: 40 }, /asks for write 40 after write \d/],
])("R19: a write with %s", (_, write, later) => {
  const stage = afterCommit();
  stage.turn(2, { write });
  stage.expect("write-order", /After write \d the log of n2 ended with entry 3 of term 2/, later);
});

it("takes another entry for its last than it asked to store", () => {
  const stage = afterCommit();
  stage.turn(2, {}, { lastIndex: 2 });
  stage.expect("write-order", /What n2 asked to store ends with entry 3 of term 2/, /n2 takes entry 2 for the end of/);
});

it("M4: a configuration that is not the one in the log", () => {
  const stage = afterCommit();
  stage.turn(2, {}, { configuration: foundingConfiguration([{ id: 2, name: "n2", address: "n2:1" }]) });
  stage.expect("configuration", /entry 1 of term 1 carries .*"n1"/, /On n2 the configuration .*"n2".* is in force/);
});

it("M4: the configuration goes back with the log", () => {
  const stage = afterCommit();
  const { configuration, configurationIndex } = stage.actor(1).view;
  stage.change(1, { ...configuration, nextId: 9 }, { configuration, configurationIndex });
  stage.expect(
    "configuration",
    /entry 4 of term 2 carries .*"nextId":9/,
    /On n1 the configuration .*"nextId":4.* is in force/,
  );
});

it("E1: the term of a server falls", () => {
  const stage = afterCommit();
  stage.turn(2, {}, { currentTerm: 1, votedFor: 0 });
  stage.expect(
    ["term-monotone", "hard-state"],
    /n2 asked last to store term 2 with a vote for n1/,
    /n2 acts on term 1/,
  );
});

it("E2: a server acts on a term that it did not ask to store", () => {
  const stage = afterCommit();
  stage.turn(2, {}, { currentTerm: 3, votedFor: 0 });
  stage.expect("hard-state", /asked last to store term 2 with a vote for n1/, /n2 acts on term 3 without a vote/);
});

it.each([
  ["an older term", { currentTerm: 1, votedFor: 0 }],
  ["the same term without its vote", { currentTerm: 2, votedFor: 0 }],
])("E1: a server asks to store %s", (_, hardState) => {
  const stage = afterCommit();
  stage.turn(2, { write: { hardState } }, { currentTerm: 2 });
  const names = hardState.currentTerm === 1 ? ["hard-state", "hard-state"] : ["hard-state"];
  stage.expect(names, /n2 asked (last )?to store term/, /n2 (asks to store|acts on) term/);
});

it("names no moment at which to be woken", () => {
  const stage = afterCommit();
  stage.turn(2, { deadline: Number.NaN });
  stage.expect("deadline", /n2 is running/, /n2 names no moment at which to wake it/);
});
