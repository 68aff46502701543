import fc from "fast-check";
import { msgpackrCodec } from "quorate";
import { expect, it } from "vitest";
import { commandCodec } from "../src/command-codec.js";
import { checkCommand, type KvCommand, type KvResult } from "../src/commands.js";

const key = fc.string();
const value = fc.uint8Array({ maxLength: 50 });
const natural = fc.maxSafeNat();
const condition = fc.record(
  { target: fc.constantFrom("revision", "version"), operator: fc.constantFrom("=", ">"), operand: natural },
  { noNullPrototype: true },
);
const put = fc.record(
  { type: fc.constant("put"), key, value, ttlMs: fc.integer({ min: 1 }), condition },
  {
    requiredKeys: ["type", "key", "value"],
    noNullPrototype: true,
  },
);
const remove = fc.record(
  { type: fc.constant("delete"), key, condition },
  { requiredKeys: ["type", "key"], noNullPrototype: true },
);
const txn = fc.record(
  { type: fc.constant("txn"), compares: fc.constant([]), success: fc.array(put), failure: fc.array(remove) },
  { noNullPrototype: true },
);

it("brings every command back as it was", () => {
  fc.assert(
    fc.property(fc.oneof(put, remove, txn) as fc.Arbitrary<KvCommand>, (command) => {
      expect(commandCodec.decodeCommand(commandCodec.encodeCommand(command))).toStrictEqual(command);
    }),
  );
});

it("brings every answer back as it was", () => {
  const results: readonly KvResult[] = [
    { type: "put", revision: 2 ** 53 - 1, createRevision: 3, version: 1 },
    { type: "delete", deleted: true, revision: 9 },
    { type: "delete", deleted: false, revision: 0 },
    { type: "conflict", revision: 7 },
    { type: "tooLarge", sizeBytes: 100 },
    { type: "txn", succeeded: false, revision: 4, results: [{ type: "get", entry: null }] },
  ];
  for (const result of results)
    expect(commandCodec.decodeResult(commandCodec.encodeResult(result))).toStrictEqual(result);
});

it("C11: what another version wrote is refused, whatever stands in it", () => {
  const foreign = [
    [3, "key"],
    [0, { type: "merge", key: "a" }],
    "text",
    { type: "put" },
    null,
    5,
    [1, 7, "no bytes", null, null],
  ];
  for (const row of foreign) {
    const data = msgpackrCodec<unknown, never>().encodeCommand(row);
    expect(() => checkCommand(commandCodec.decodeCommand(data))).toThrow();
  }
});
