/**
 * The header of a message: one flat MessagePack array of integers, booleans and strings.
 *
 * MessagePack, and msgpackr with its extensions, can say much more than that: maps, records, dates, errors, cyclic
 * structures. A header that comes from outside is first walked over, and only if it is nothing but a flat array of
 * scalars does msgpackr get to see it. So no byte of a peer ever chooses what kind of object is made here.
 */

import { Packr, RESERVE_START_SPACE, Unpackr } from "msgpackr";
import { CodecError } from "./codec-error.js";

export type HeaderField = number | boolean | string;

const packr = new Packr({ useRecords: false, moreTypes: false });
const unpackr = new Unpackr({ useRecords: false, moreTypes: false });

/** Packs `fields`, and leaves `reservedBytes` free before them. Refuses every number but integers from 0 up. */
export function packHeader(fields: readonly HeaderField[], reservedBytes: number): Uint8Array {
  for (const field of fields) {
    if (typeof field === "number" && !isNatural(field)) {
      throw new CodecError(`${field} cannot be sent: not an integer from 0 to 2^53 - 1.`);
    }
  }
  return packr.pack(fields, RESERVE_START_SPACE | reservedBytes);
}

/** Unpacks the fields of a header that fills `bytes`. */
export function unpackHeader(bytes: Uint8Array): HeaderReader {
  checkFlat(bytes);
  const fields: unknown = unpackr.unpack(bytes);
  if (!Array.isArray(fields)) throw new CodecError("The header is not an array.");
  return new HeaderReader(fields);
}

/** Hands out the fields of a header one after the other, each as what it should be. */
export class HeaderReader {
  readonly #fields: readonly unknown[];
  #at = 0;

  constructor(fields: readonly unknown[]) {
    this.#fields = fields;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#fields.length;
  }

  /** An index, a term, an id or a size: an integer from 0 to 2^53 - 1 (PITFALLS F12). */
  natural(name: string): number {
    const field = this.#fields[this.#at++];
    if (typeof field !== "number" || !isNatural(field)) throw wrongField(name, "an integer from 0 to 2^53 - 1", field);
    return field;
  }

  /** The id of a server, not of nobody. */
  nodeId(name: string): number {
    const id = this.natural(name);
    if (id === 0) throw wrongField(name, "the id of a server", id);
    return id;
  }

  flag(name: string): boolean {
    const field = this.#fields[this.#at++];
    if (typeof field !== "boolean") throw wrongField(name, "a boolean", field);
    return field;
  }

  text(name: string): string {
    const field = this.#fields[this.#at++];
    if (typeof field !== "string") throw wrongField(name, "a string", field);
    return field;
  }
}

function wrongField(name: string, expected: string, found: unknown): CodecError {
  return new CodecError(`${name} should be ${expected}, but is ${found === undefined ? "missing" : String(found)}.`);
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

const FIXARRAY = 0x90;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;

/** Throws unless `bytes` is one array of scalars, to the last byte. */
function checkFlat(bytes: Uint8Array): void {
  const token = byteAt(bytes, 0);
  let count: number;
  let at: number;
  if (token >= FIXARRAY && token < FIXARRAY + 16) {
    count = token - FIXARRAY;
    at = 1;
  } else if (token === ARRAY_16) {
    count = byteAt(bytes, 1) * 0x100 + byteAt(bytes, 2);
    at = 3;
  } else if (token === ARRAY_32) {
    count = byteAt(bytes, 1) * 0x1000000 + byteAt(bytes, 2) * 0x10000 + byteAt(bytes, 3) * 0x100 + byteAt(bytes, 4);
    at = 5;
  } else {
    throw new CodecError("The header is not an array.");
  }
  for (; count > 0; count -= 1) {
    // Also ends a count that promises more than there is, after one look past the end.
    at += scalarSize(bytes, at);
  }
  if (at !== bytes.length) throw new CodecError("The header does not end where its size says.");
}

/** How many bytes the scalar at `at` takes. Those of float64 may be an integer above 2^32: `natural` sees to that. */
function scalarSize(bytes: Uint8Array, at: number): number {
  const token = byteAt(bytes, at);
  if (token < 0x80) return 1;
  if (token >= 0xa0 && token < 0xc0) return 1 + token - 0xa0;
  switch (token) {
    case 0xc2: // false
    case 0xc3: // true
      return 1;
    case 0xcb: // float64
      return 9;
    case 0xcc: // uint8
      return 2;
    case 0xcd: // uint16
      return 3;
    case 0xce: // uint32
      return 5;
    case 0xd9: // str8
      return 2 + byteAt(bytes, at + 1);
    default:
      throw new CodecError(`A header holds no value of MessagePack type 0x${token.toString(16)}.`);
  }
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new CodecError("The header ends too early.");
  return byte;
}
