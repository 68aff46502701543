/**
 * Tells payloads apart that came under one number (PITFALLS K11): 53 bits, the same on every server and in every version
 * of this file, for digests are part of the replicated state. Guards against mistakes, not against forgery.
 */

/** A digest of `data`: a safe integer from 0 up. */
export function digestOf(data: Uint8Array): number {
  let one = 0x9e3779b9 ^ data.length;
  let two = 0x85ebca6b;
  for (let at = 0; at < data.length; at += 1) {
    const byte = data[at] as number;
    one = Math.imul(one ^ byte, 0x01000193);
    two = Math.imul(two ^ (byte + (one >>> 15)), 0xc2b2ae35);
  }
  return ((two >>> 11) * 2 ** 32 + ((one ^ (one >>> 16)) >>> 0)) % Number.MAX_SAFE_INTEGER;
}
