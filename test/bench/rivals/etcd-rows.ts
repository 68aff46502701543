/** The rows in which the key-value store and etcd meet. */

import type { Row } from "../frame/part.js";

export interface WriteWay {
  readonly protocol?: "kv" | "http";
  /** At all servers alike, instead of the leader. */
  readonly isSpread?: boolean;
}

export function writeRow(callers: number, { protocol = "kv", isSpread = false }: WriteWay = {}): Row {
  const name = `${protocol === "http" ? "HTTP, " : ""}${who(callers)}${isSpread ? ", at all servers" : ""}`;
  return { name, factors: { callers } };
}

export function readRow(consistency: string, callers: number): Row {
  return { name: `${consistency}, ${who(callers)}`, factors: { callers } };
}

function who(callers: number): string {
  return callers === 1 ? "1 caller" : `${callers} callers`;
}
