/** Lies about who belongs to the cluster, each of which the ledger must catch. */

import { type Configuration, decodeConfiguration, type Input, type Member } from "@quorate/core";
import { describe, it } from "vitest";
import { type Come, founding, Stage } from "./stage.js";

function members(...ids: number[]): Member[] {
  return ids.map((id) => ({ id, name: `n${id}`, address: `n${id}:1` }));
}

const FIRST = decodeConfiguration(founding(3).data);
const JOINT: Configuration = { ...FIRST, voters: members(1, 2), outgoingVoters: members(1, 2, 3) };
const LEFT: Configuration = { ...FIRST, voters: members(1, 2) };
const WITH_LEARNER: Configuration = { ...FIRST, learners: members(4), nextId: 5 };

/** n1 leads term 2, has committed an entry of it, and n2 knows. */
function led(): Stage {
  const stage = new Stage();
  stage.elect(1, 2, [2]);
  stage.commitAll(1, 2);
  stage.expectNothing();
  return stage;
}

function changeOf(basedOn: number, voters: readonly number[]): Extract<Input, { kind: "changeMembers" }> {
  const wanted = voters.map((id) => ({ name: `n${id}`, address: `n${id}:1`, role: "voter" as const }));
  return { kind: "changeMembers", changeId: 7, basedOn, members: wanted };
}

it("§6: has nothing to say of joint consensus", () => {
  const stage = led();
  stage.change(1, JOINT);
  stage.commitAll(1, 2);
  stage.change(1, LEFT);
  stage.commitAll(1, 2);
  stage.expectNothing();
});

describe("the configuration in force", () => {
  it.each<[string, Configuration]>([
    ["M4: other voters", LEFT],
    ["other learners", WITH_LEARNER],
    ["another next id", { ...FIRST, nextId: 9 }],
    ["another priority", { ...FIRST, voters: [{ ...(members(1)[0] as Member), priority: 3 }, ...members(2, 3)] }],
  ])("%s than the log says", (_, configuration) => {
    const stage = led();
    stage.turn(1, {}, { configuration });
    stage.expect("configuration", /In the log of n1, entry 1 of term 1 carries/, /On n1 the configuration .* in force/);
  });

  it("M19: under another version than the log says", () => {
    const stage = led();
    stage.turn(1, {}, { configuration: { ...FIRST }, configurationIndex: 2 });
    stage.expect("configuration", /In the log of n1, entry 1/, /of entry 2 is in force/);
  });
});

describe("a leader's next configuration", () => {
  it("M1: comes before it has committed anything in its term", () => {
    const stage = new Stage();
    stage.elect(1, 2, [2]);
    stage.change(1, JOINT);
    stage.expect(
      "change-after-commit",
      /n1 leads term 2, and the last entry .* is no entry/,
      /n1 makes entry 3 of term 2/,
    );
  });

  it("M2, M3: comes before the one before it is committed", () => {
    const stage = led();
    stage.change(1, WITH_LEARNER);
    stage.change(1, WITH_LEARNER);
    stage.expect(
      "one-change",
      /Entry 3 of term 2, is not known to n1 to be committed|entry 3 of term 2, is not/,
      /makes entry 4/,
    );
  });

  it("M6: leaves a joint one that is not committed", () => {
    const stage = led();
    stage.change(1, JOINT);
    stage.change(1, LEFT);
    stage.expect("one-change", /entry 3 of term 2, is not known/, /n1 makes entry 4 of term 2/);
  });

  it.each<[string, Configuration]>([
    ["without a joint step", LEFT],
    ["from other voters than there were", { ...JOINT, outgoingVoters: members(2, 3) }],
  ])("§6: changes the voters %s", (_, next) => {
    const stage = led();
    stage.change(1, next);
    stage.expect(
      "change-steps",
      /Before that the voters n1, n2 and n3 were in force/,
      /n1 makes entry 3 .* of the voters/,
    );
  });

  it("M23: leaves a joint one for others than its new voters", () => {
    const stage = led();
    stage.change(1, JOINT);
    stage.commitAll(1, 2);
    stage.change(1, FIRST);
    stage.expect(
      "change-steps",
      /n1 and n2 together with those before them, n1, n2 and n3/,
      /of the voters n1, n2 and n3/,
    );
  });

  it("M17: gives an id twice", () => {
    const stage = led();
    stage.change(1, { ...FIRST, voters: FIRST.voters, nextId: 5 });
    stage.commitAll(1, 2);
    stage.change(1, { ...WITH_LEARNER, learners: members(4) });
    stage.expect("new-ids", /Ids below 5 were given already, and by that entry n4 joins as n4/, /makes entry 4/);
  });

  it("M17: takes an id back", () => {
    const stage = led();
    stage.change(1, { ...FIRST, nextId: 9 });
    stage.commitAll(1, 2);
    stage.change(1, { ...FIRST, nextId: 8 });
    stage.expect("new-ids", /The next id was 9, and is 8 with it/, /makes entry 4/);
  });

  it("M17: gives an id to another server", () => {
    const stage = led();
    const other = { id: 3, name: "x", address: "x:1" };
    stage.change(1, { ...FIRST, voters: [...members(1, 2), other] });
    stage.expect("new-ids", /n3 was n3, and is another by that entry/, /makes entry 3/);
  });
});

describe("quorums", () => {
  it("M16: a leader commits with a majority of the new voters alone", () => {
    const stage = led();
    stage.change(1, { ...JOINT, voters: members(1), outgoingVoters: members(1, 2, 3) });
    stage.commit(1, 3);
    stage.expect(
      "commit-majority",
      /Of the voters n1, n2 and n3, n1 had entry 3 of term 2 on disk by then/,
      /n1, in term 2, has commit index 3/,
    );
  });

  it("M16: a leader commits with a majority of the old voters alone", () => {
    const stage = led();
    stage.change(1, { ...FIRST, learners: members(4), nextId: 5 });
    stage.commitAll(1, 2);
    stage.change(1, { ...FIRST, voters: members(4), outgoingVoters: members(1, 2, 3), nextId: 5 });
    stage.commitAll(1, 2);
    stage.expect(
      ["commit-majority"],
      /Of the voters n4, nobody had entry 4 of term 2/,
      /n1, in term 2, has commit index 4/,
    );
  });

  it("what was counted before the next configuration was made counts by the one before", () => {
    const stage = led();
    stage.append(1);
    stage.replicate(1, 2);
    stage.change(1, { ...JOINT, voters: members(3) }, { commitIndex: 3 });
    stage.expectNothing();
  });

  it("M16: a candidate wins with a majority of one of two voter sets", () => {
    const stage = led();
    stage.change(1, { ...JOINT, voters: members(1), outgoingVoters: members(1, 2, 3) });
    stage.stand(1, 3);
    stage.lead(1, 3);
    stage.expect("elected-by-majority", /Of the voters n1, n2 and n3, n1 voted for n1 in term 3/, /n1 leads term 3/);
  });

  it("C4: what a learner holds does not count", () => {
    const stage = led();
    stage.change(1, { ...FIRST, learners: members(4), nextId: 5 });
    stage.commit(1, 3);
    stage.expect("commit-majority", /Of the voters n1, n2 and n3, n1 had entry 3/, /has commit index 3/);
  });
});

describe("who may lead", () => {
  /** n1 has led, and made a configuration in which it is what `configuration` says; n2 and n3 have it. */
  function changed(configuration: Configuration): Stage {
    const stage = led();
    stage.change(1, { ...configuration, outgoingVoters: members(1, 2, 3) });
    for (const id of [2, 3]) stage.replicate(1, id);
    stage.commit(1, 3);
    stage.change(1, configuration);
    for (const id of [2, 3]) stage.replicate(1, id);
    stage.commit(1, 4);
    return stage;
  }

  it("M12: not one that knows that it was removed", () => {
    const stage = changed({ ...FIRST, voters: members(2, 3) });
    stage.elect(1, 3, [2, 3]);
    stage.expect("may-lead", /The configuration in the log of n1 is entry 4 of term 2/, /n1 leads term 3/);
  });

  it("M15: one that does not know yet that it was removed", () => {
    const stage = changed({ ...FIRST, voters: members(1, 3) });
    stage.elect(2, 3, [1, 3]);
    stage.expectNothing();
  });

  it("not a witness", () => {
    const stage = led();
    const [first, second, third] = FIRST.voters as [Member, Member, Member];
    stage.change(1, { ...FIRST, voters: [first, { ...second, isWitness: true }, third] });
    for (const id of [2, 3]) stage.replicate(1, id);
    stage.elect(2, 3, [3]);
    // Nobody turns into a witness, either.
    stage.expect(["new-ids", "may-lead"], /in the log of n2 is entry 3/, /n2 leads term 3/);
  });
});

describe("what whoever asked is told", () => {
  const accepted = (index: number): Come => ({ changes: [{ changeId: 7, accepted: true, index, term: 2 }] });

  it("has nothing to say of the truth", () => {
    const stage = led();
    stage.ledger.onStep(1, changeOf(1, [1, 2]));
    stage.change(1, JOINT, {}, accepted(3));
    stage.ledger.onStep(1, changeOf(3, [1, 2]));
    stage.turn(1, { changes: [{ changeId: 7, accepted: false, refusal: "changePending", reason: "", leaderId: 1 }] });
    stage.expectNothing();
  });

  it("nobody is told anything", () => {
    const stage = led();
    stage.ledger.onStep(1, changeOf(1, [1, 2]));
    stage.turn(1);
    stage.expect("change-outcome", /asked for the changes 7/, /n1 answers the changes none/);
  });

  it.each<[string, number, number, readonly number[]]>([
    ["at an entry that is no configuration", 2, 1, [1, 2, 3]],
    ["based on another version", 1, 9, [1, 2, 3]],
    ["though others are in force", 1, 1, [1, 2]],
  ])("M23, M24: it is accepted %s", (_, index, basedOn, voters) => {
    const stage = led();
    stage.ledger.onStep(1, changeOf(basedOn, voters));
    stage.turn(1, accepted(index));
    stage.expect("change-outcome", /n1 was asked for change 7, based on entry/, /n1 answers that it is at entry/);
  });

  it("nobody asked", () => {
    const stage = led();
    stage.turn(1, accepted(1));
    stage.expect("change-outcome", /asked for the changes none/, /n1 answers the changes 7/);
  });
});
