/** What an operator is told, against what is committed: each lie is noticed, and the truth is not. */

import { RaftError, type RaftErrorCode } from "@quorate/contracts";
import { type Configuration, foundingConfiguration, type Member } from "@quorate/core";
import { describe, expect, it } from "vitest";
import type { Violation } from "../../src/index.js";
import { marked, placeOf } from "../../src/servers/marks.js";
import { MemberOutcomes } from "../../src/servers/member-outcomes.js";

const member = (id: number, mark?: number): Member => ({
  id,
  name: `n${id}`,
  address: mark === undefined ? `n${id}` : `n${id}#${mark}`,
  incarnation: 100 + id,
});

function configuration(voters: readonly Member[], more: Partial<Configuration> = {}): Configuration {
  return { ...foundingConfiguration(voters), ...more };
}

function stage() {
  const found: Violation[] = [];
  const outcomes = new MemberOutcomes((violation) => found.push(violation));
  outcomes.onCommitted(1, configuration([member(1), member(2), member(3)]));
  return { outcomes, oracles: () => found.map(({ oracle }) => oracle) };
}

const error = (code: RaftErrorCode): RaftError => new RaftError(code, "Said on purpose.");
const wanted = [1, 2].map((id) => ({ name: `n${id}`, address: `n${id}`, role: "voter" }) as const);

describe("a change of members", () => {
  it("that is done as it was wanted is fine", () => {
    const { outcomes, oracles } = stage();
    outcomes.onAsked(7, wanted, 1);
    outcomes.onCommitted(
      4,
      configuration([member(1, 7), member(2)], { outgoingVoters: [member(1), member(2), member(3)] }),
    );
    outcomes.onCommitted(5, configuration([member(1, 7), member(2)]));
    outcomes.onDone(7);
    expect(oracles()).toEqual([]);
  });

  it("members/done: is not done before it is committed, nor while it is joint", () => {
    const { outcomes, oracles } = stage();
    outcomes.onAsked(7, wanted, 1);
    outcomes.onDone(7);
    outcomes.onCommitted(
      4,
      configuration([member(1, 7), member(2)], { outgoingVoters: [member(1), member(2), member(3)] }),
    );
    outcomes.onDone(7);
    expect(oracles()).toEqual(["members/done", "members/done"]);
  });

  it("members/not-executed: is nowhere, then and ever after, if it was told so", () => {
    const { outcomes, oracles } = stage();
    outcomes.onAsked(7, wanted, 1);
    outcomes.onAsked(8, wanted, 1);
    outcomes.onAsked(9, wanted, 1);
    outcomes.onRefused(7, error("CHANGE_PENDING"));
    outcomes.onRefused(8, error("CHANGE_UNDER_WAY"));
    outcomes.onCommitted(4, configuration([member(1, 7), member(2)]));
    outcomes.onCommitted(5, configuration([member(1, 9), member(2)]));
    outcomes.onRefused(9, error("NO_LEADER"));
    expect(oracles().filter((oracle) => oracle === "members/not-executed")).toHaveLength(2);
  });

  it("M23, members/version: is done upon the version that it names, and once", () => {
    const { outcomes, oracles } = stage();
    outcomes.onAsked(7, wanted, 1);
    outcomes.onAsked(8, wanted, 1);
    outcomes.onCommitted(4, configuration([member(1, 7), member(2)]));
    expect(oracles()).toEqual([]);
    outcomes.onCommitted(6, configuration([member(1, 8), member(2)]));
    expect(oracles()).toEqual(["members/version"]);
  });

  it("members/version: that was undone does not come back", () => {
    const { outcomes, oracles } = stage();
    outcomes.onAsked(7, wanted, undefined);
    outcomes.onCommitted(4, configuration([member(1, 7), member(2)]));
    outcomes.onCommitted(5, configuration([member(1), member(2)]));
    outcomes.onCommitted(6, configuration([member(1, 7), member(2)]));
    expect(oracles()).toEqual(["members/version"]);
  });
});

describe("a server that joins", () => {
  it("M17, members/admitted: is a member, with its disk, when it is told its number", () => {
    const { outcomes, oracles } = stage();
    outcomes.onCommitted(4, configuration([1, 2, 3, 4].map((id) => member(id))));
    outcomes.onAdmitted("n4", 104, 4);
    expect(oracles()).toEqual([]);
    outcomes.onAdmitted("n4", 99, 4);
    outcomes.onAdmitted("n5", 105, 5);
    expect(oracles()).toEqual(["members/admitted", "members/admitted"]);
  });

  it("members/not-executed: is no member if it was refused", () => {
    const { outcomes, oracles } = stage();
    outcomes.onNotAdmitted(104, error("INVALID_MEMBERS"));
    outcomes.onCommitted(4, configuration([1, 2, 3, 4].map((id) => member(id))));
    outcomes.onNotAdmitted(103, error("INVALID_MEMBERS"));
    expect(oracles()).toEqual(["members/not-executed", "members/not-executed"]);
  });
});

it("members/transferred: a transfer is done when that server leads for which it was asked", () => {
  const { outcomes, oracles } = stage();
  outcomes.onTransferred("n1", undefined, "n2");
  outcomes.onTransferred("n1", "n2", "n2");
  expect(oracles()).toEqual([]);
  outcomes.onTransferred("n1", "n3", "n2");
  expect(oracles()).toEqual(["members/transferred"]);
});

it("a mark replaces the one before it, and leads nowhere", () => {
  const { address } = marked({ name: "n1", address: "n1~4#3", role: "voter" }, 17);
  expect([address, placeOf(address)]).toEqual(["n1~4#17", "n1~4"]);
});
