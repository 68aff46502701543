/** Long messages as they travel. */

import type { AppendEntries, Entry } from "../../src/index.js";
import type { Travelling } from "./server.js";

/** Several appends for a long one; of a log that is pulled, one page. */
export function cut(message: Travelling, most: number): readonly Travelling[] {
  if (message.kind === "pulledEntries") return [{ ...message, entries: message.entries.slice(0, most) }];
  return message.kind === "appendEntries" ? split(message, most) : [message];
}

function split(message: AppendEntries, most: number): AppendEntries[] {
  const { entries } = message;
  if (entries.length <= most) return [message];
  const parts: AppendEntries[] = [];
  let { prevLogIndex, prevLogTerm } = message;
  for (let start = 0; start < entries.length; start += most) {
    const part = entries.slice(start, start + most);
    parts.push({ ...message, prevLogIndex, prevLogTerm, entries: part });
    ({ index: prevLogIndex, term: prevLogTerm } = part[part.length - 1] as Entry);
  }
  return parts;
}
