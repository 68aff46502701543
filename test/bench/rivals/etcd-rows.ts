/** The rows in which the key-value store and etcd meet. */

import type { Row } from "../frame/part.js";

export function writeRow(callers: number, protocol: "kv" | "http" = "kv"): Row {
  return { name: `${protocol === "http" ? "HTTP, " : ""}${who(callers)}`, factors: { callers } };
}

export function readRow(consistency: string, callers: number): Row {
  return { name: `${consistency}, ${who(callers)}`, factors: { callers } };
}

function who(callers: number): string {
  return callers === 1 ? "1 caller" : `${callers} callers`;
}
