/** Bit rot: one bit of what is stored turns over, wherever whoever asks for it wants it to. */

import { bytesOf, type Contents, keyOf } from "./contents.js";

export interface BitFlipOptions {
  /** Draws an integer from 0 up to, but not including, `count`. */
  readonly below: (count: number) => number;
  /** Which record is damaged. Default: it is drawn, each with the same chance. */
  readonly key?: Uint8Array;
  /** Which half of the record. Default: it is drawn, by length. */
  readonly part?: "key" | "value";
  /**
   * When LevelDB itself notices, from then on always: when it is opened, or when the record is read. Default: never; it
   * hands out what it finds.
   */
  readonly noticedAt?: "open" | "read";
}

/** What a flipped bit did, for people to read. */
export interface BitFlip {
  /** The key of the record, as it was. */
  readonly key: Uint8Array;
  readonly part: "key" | "value";
  readonly byte: number;
  readonly bit: number;
}

/** The record is replaced, not written to: who read it before has what it was. Throws a `RangeError`. */
export function flipBitIn(
  contents: Contents,
  { below, key: wantedKey, part: wantedPart }: BitFlipOptions,
): BitFlip & { readonly damagedValue: Buffer } {
  const key = wantedKey === undefined ? nthKey(contents, below(contents.size)) : keyOf(Buffer.from(wantedKey));
  const value = contents.get(key);
  if (value === undefined) throw new RangeError("Nothing is stored under this key");
  const part = wantedPart ?? (below(key.length + value.length) < key.length ? "key" : "value");
  const damagedKey = bytesOf(key);
  const damagedValue = Buffer.from(value);
  const damaged = part === "key" ? damagedKey : damagedValue;
  if (damaged.length === 0) throw new RangeError("There is no bit to flip in an empty value");
  const at = below(damaged.length * 8);
  const [byte, bit] = [at >>> 3, at & 7];
  damaged[byte] = (damaged[byte] as number) ^ (1 << bit);
  contents.replace(key, keyOf(damagedKey), damagedValue);
  return { key: bytesOf(key), part, byte, bit, damagedValue };
}

function nthKey(contents: Contents, place: number): string {
  let left = place;
  for (const key of contents.view().keys()) {
    if (left === 0) return key;
    left -= 1;
  }
  throw new RangeError(`There is no record ${place}`);
}
