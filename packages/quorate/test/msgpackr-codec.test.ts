import { describe, expect, it } from "vitest";
import { msgpackrCodec } from "../src/index.js";

type Value = null | boolean | number | string | Uint8Array | readonly Value[] | { readonly [key: string]: Value };

const codec = msgpackrCodec<Value, Value>();

it("brings back what it was given", () => {
  const values: readonly Value[] = [
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 53 - 1,
    "",
    "naïve ☃ 🎉",
    [],
    [1, ["two"], { three: 3 }],
    {},
    { key: "k", value: { nested: [null, false] } },
  ];
  for (const value of values) {
    expect(codec.decodeCommand(codec.encodeCommand(value))).toEqual(value);
    expect(codec.decodeResult(codec.encodeResult(value))).toEqual(value);
  }
  expect(codec.decodeCommand(codec.encodeCommand(new Uint8Array([1, 2])))).toEqual(new Uint8Array([1, 2]));
});

describe("F11: shares no memory", () => {
  it("between one command and the next", () => {
    const first = codec.encodeCommand("first");
    const bytes = [...first];
    for (let more = 0; more < 10_000; more += 1) codec.encodeCommand("another one, and longer");
    expect([...first]).toEqual(bytes);
  });

  it("between one answer and the next", () => {
    const first = codec.encodeResult("first");
    const bytes = [...first];
    for (let more = 0; more < 10_000; more += 1) codec.encodeResult(new Uint8Array(more));
    expect([...first]).toEqual(bytes);
  });

  it("between a decoded command and the log", () => {
    const data = codec.encodeCommand({ bytes: new Uint8Array([1, 2, 3]) });
    const before = [...data];
    const { bytes } = codec.decodeCommand(data) as { readonly bytes: Uint8Array };
    bytes.fill(9);
    expect([...data]).toEqual(before);
  });
});

it("C10: encodes alike whatever it has seen before", () => {
  const used = msgpackrCodec<Value, Value>();
  for (let place = 0; place < 100; place += 1) used.encodeCommand({ [`key${place}`]: place, other: "x" });
  const value = { key: "k", value: 1 };
  expect([...used.encodeCommand(value)]).toEqual([...codec.encodeCommand(value)]);
  expect(msgpackrCodec<Value, Value>().decodeCommand(used.encodeCommand(value))).toEqual(value);
});

it("C11: throws on bytes that it did not write", () => {
  const data = codec.encodeCommand({ key: "k" });
  expect(() => codec.decodeCommand(data.subarray(0, data.length - 1))).toThrow();
  expect(() => codec.decodeCommand(new Uint8Array([...data, 1]))).toThrow();
  expect(() => codec.decodeCommand(new Uint8Array())).toThrow();
});
