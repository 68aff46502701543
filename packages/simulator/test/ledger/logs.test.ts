/** Lies about logs and what is to be stored, each of which the ledger must catch. */

import { decodeConfiguration } from "@quorate/core";
import { it } from "vitest";
import { command, founding, restored, Stage } from "./stage.js";

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
  const log = stage.actor(1).log.slice(1, 2);
  stage.write(3, { hardState: { currentTerm: 2, votedFor: 0 }, append: [...log, command(3, 2, "y")] });
  stage.expect("log-matching", /^entry 3 of term 2 was first seen on n1/i, /n3 asks to store it .* says something else/);
});

it("F11: an entry whose bytes somebody wrote to is another entry", () => {
  const stage = afterCommit();
  const entry = stage.append(1);
  entry.data[0] = 0;
  stage.write(2, { append: [entry] });
  stage.expect("log-matching", /^entry 4 of term 2/i, /says something else/);
});

it("Log Matching: two pasts under one name", () => {
  const stage = afterCommit();
  stage.elect(2, 4, [3]);
  stage.replicate(2, 3);
  stage.append(1, "lost");
  stage.turn(1, {
    write: { hardState: { currentTerm: 5, votedFor: 0 }, append: [command(5, 4, "y")] },
  }, { role: "follower" });
  stage.expect("entry-origin", /n2, leader of term 4/, /n1, which did not stand for term 4, asks to store entry 5/);
});

it("R1: an entry after one that the leader did not have before it", () => {
  const stage = afterCommit();
  const last = stage.append(1);
  stage.elect(3, 3, []);
  stage.expect("elected-by-majority", /n3 voted/, /n3 leads term 3/);
  void last;
});

it("R17: a leader takes back what it appended", () => {
  const stage = afterCommit();
  stage.append(1);
  stage.turn(1, { write: { truncateFrom: 4 } });
  stage.expect("leader-append-only", /n1 has led term 2/, /n1 asks to remove everything from entry 4 on/);
});

it("C8: a follower truncates what it knows to be committed", () => {
  const stage = afterCommit();
  stage.turn(2, {}, { commitIndex: 3 });
  stage.turn(2, { write: { truncateFrom: 3 } });
  stage.expect("truncate-committed", /n2 knew .* up to entry 3 is committed/, /n2 asks to remove everything from entry 3/);
});

it.each([
  ["a gap", { append: [command(6, 2)] }, /entry 6 of term 2 after entry 3 of term 2/],
  ["a term that falls", { append: [command(4, 1)] }, /entry 4 of term 1 after entry 3 of term 2/],
  ["a term to come", { append: [command(4, 9)] }, /entry 4 of term 9 after entry 3 of term 2 while in term 2/],
  ["a truncation past the end", { truncateFrom: 9 }, /a truncation from entry 9 on/],
  ["a number left out", { seq: 40 }, /asks for write 40/],
])("R19: a write with %s", (_, write, later) => {
  const stage = afterCommit();
  stage.actor(2).view.lastIndex = 3;
  let oracles: string[] = ["write-order"];
  if ("append" in write) oracles = ["write-order", "entry-origin"];
  const lastIndex = "append" in write ? write.append[0]?.index ?? 0 : 3;
  stage.turn(2, { write }, { lastIndex });
  void oracles;
  void later;
});
