import { foundingConfiguration, type Raft } from "@quorate/core";
import { expect, it } from "vitest";
import type { Admin } from "../src/admin.js";
import type { Belonging } from "../src/belonging.js";
import { Operator } from "../src/operator.js";

const members = [1, 2, 3].map((id) => ({ id, name: `n${id}`, address: `n${id}` }));

it("T1: who was asked to lead is told by the name it was asked by, though it is no member any more", async () => {
  const raft = { configuration: foundingConfiguration(members) };
  const order = async (): Promise<number> => {
    raft.configuration = foundingConfiguration(members.filter(({ id }) => id !== 2));
    return 2;
  };
  const operator = new Operator({
    raft: raft as unknown as Raft,
    admin: { order } as unknown as Admin,
    belonging: {} as Belonging,
    clusterId: "test",
    proposeTimeoutMs: 1000,
    electionTimeoutMs: 250,
  });
  expect(await operator.transfer("n2", {})).toBe("n2");
});
