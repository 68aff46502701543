/** Histories as text: one event a line, as JSON. */

import { HistoryError, type HistoryEvent } from "./history.js";

const TYPES: readonly unknown[] = ["invoke", "ok", "fail", "info"];

/**
 * The events of `text`. Empty lines are left out, and so are fields that are not of an event.
 *
 * @throws HistoryError if a line is no event; its message names the line.
 */
export function parseHistory(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    line += 1;
    const content = text.slice(start, end).trim();
    if (content !== "") events.push(parseEvent(content, line, events.length));
    start = end + 1;
  }
  return events;
}

function parseEvent(text: string, line: number, index: number): HistoryEvent {
  const refuse = (problem: string): never => {
    throw new HistoryError(index, `line ${line}: ${problem}`);
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refuse("is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return refuse("is not an object");
  const { process, type, f, key, value } = parsed as Record<string, unknown>;
  if (typeof process !== "string" && typeof process !== "number")
    return refuse('"process" must be a number or a string');
  if (!TYPES.includes(type)) return refuse('"type" must be "invoke", "ok", "fail" or "info"');
  if (typeof f !== "string") return refuse('"f" must be a string');
  if (key !== undefined && key !== null && typeof key !== "string" && typeof key !== "number") {
    return refuse('"key" must be a string');
  }
  const event = { process, type: type as HistoryEvent["type"], f };
  const withKey = key === undefined || key === null ? event : { ...event, key: String(key) };
  return value === undefined ? withKey : { ...withKey, value };
}
