import { expect, it } from "vitest";
import { peersText, readPeers } from "../src/cli/peers.js";

it("reads the servers that found a cluster, with their roles and priorities", () => {
  const text =
    "n1=127.0.0.1:7001/priority=10,n2=host.example:7002,n3=[::1]:7003/role=witness,n4=h:7/role=learner/priority=2";
  const peers = readPeers(text);
  expect(peers).toEqual({
    n1: { address: "127.0.0.1:7001", priority: 10 },
    n2: "host.example:7002",
    n3: { address: "[::1]:7003", role: "witness" },
    n4: { address: "h:7", role: "learner", priority: 2 },
  });
  expect(peersText(peers)).toBe(text);
});

it.each([
  ["n1", "is not name=host:port"],
  ["n1=", "is not name=host:port"],
  ["n1=host", "host:port"],
  ["n1=host:0", "cannot be 0"],
  ["n1=host:1/role=boss", "neither role=voter"],
  ["n1=host:1/", "neither role=voter"],
  ["n1=host:1/priority=-1", "nor priority=NUMBER"],
  ["n1=host:1,n1=host:2", "named twice"],
  ["n1=host:1,n2=host:1/role=witness", "given twice"],
  ["a b=host:1", "A name has"],
])("O12: refuses %s", (text, message) => {
  expect(() => readPeers(text)).toThrow(message);
});
