/**
 * What the store accepts, and the order of its keys.
 *
 * These are constants on purpose: the bounds of the history decide which events a server still holds, so they must be
 * the same on every server (PITFALLS C10), and the other bounds keep one command within what the log takes.
 */

/** The longest key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** The largest value, in bytes. */
export const MAX_VALUE_BYTES = 1024 * 1024;

/** How long a session may stay unused before it expires, unless its client says otherwise, in milliseconds. */
export const DEFAULT_SESSION_MS = 60_000;

/** The longest that it may stay unused, in milliseconds: a day. */
export const MAX_SESSION_MS = 24 * 60 * 60 * 1000;

/** The longest that a key can be written for, in milliseconds: ten years. */
export const MAX_TTL_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/** The most keys that expire with one entry of the log: the rest follows with the next. */
export const MAX_EXPIRED_AT_ONCE = 5000;

/** The most compares of a transaction, and the most operations in each of its branches. */
export const MAX_TXN_OPERATIONS = 128;

/**
 * The most bytes of keys and values that a transaction may carry in, and the most that its gets may carry out. With
 * all that is around them, they stay below the 2 MiB that one command of the log may have.
 */
export const MAX_TXN_BYTES = 1.5 * 1024 * 1024;

/** How much of the past every server keeps for watchers; whichever bound is reached first. */
export interface HistoryLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

export const HISTORY_LIMITS: HistoryLimits = { maxEvents: 10_000, maxBytes: 64 * 1024 * 1024 };

/** Says what is wrong with `key`, or `null` if it can be stored. */
export function findKeyProblem(
  key: string,
): { readonly code: "INVALID_KEY" | "KEY_TOO_LARGE"; readonly message: string } | null {
  if (key === "") return { code: "INVALID_KEY", message: "The key is empty." };
  // URLs cannot carry them: every client resolves these as steps in the path before it sends.
  if (key === "." || key === "..") return { code: "INVALID_KEY", message: `The key "${key}" cannot be used in a URL.` };
  if (!isWellFormed(key)) return { code: "INVALID_KEY", message: "The key is not valid Unicode." };
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes <= MAX_KEY_BYTES) return null;
  return { code: "KEY_TOO_LARGE", message: `The key has ${sizeBytes} bytes of UTF-8; the most is ${MAX_KEY_BYTES}.` };
}

/** What every string can do in Node 20, and the library of ES2023 does not know yet. */
type WellFormed = string & { isWellFormed(): boolean };

/** Whether `text` survives the way to UTF-8 and back: no half of a surrogate pair stands alone. */
export function isWellFormed(text: string): boolean {
  return (text as WellFormed).isWellFormed();
}

/** Orders keys as their UTF-8 bytes would be, which is also the order of their code points. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rankInUtf8(x) - rankInUtf8(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts surrogates (D800–DFFF) below E000–FFFF, though what they encode lies above: swap the two ranges. */
function rankInUtf8(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}
