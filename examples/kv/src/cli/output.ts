/** How results look: text for people, or with `--json` one object per line for programs. */

import Table from "cli-table3";
import type { KvError } from "../client/errors.js";
import type { WatchEvent } from "../client/watch.js";
import type { KvEntry } from "../commands.js";
import { toBase64 } from "../wire.js";
import type { UsageError } from "./exit-codes.js";

/** Longer values are cut in tables; `get` and `--json` give them whole. */
const MAX_CELL_CHARACTERS = 60;

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(result: object): void {
  printLine(JSON.stringify(result));
}

export function printError(error: KvError | UsageError, isJson: boolean): void {
  const { code, message } = error;
  const outcome = "outcome" in error ? error.outcome : undefined;
  const doubt = outcome === "unknown" ? "\nIt is unknown whether this took effect. Read before you repeat it." : "";
  process.stderr.write(isJson ? `${JSON.stringify({ code, message, outcome })}\n` : `${code}: ${message}${doubt}\n`);
}

/** The text that `bytes` are in UTF-8, or `null` if they are not. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function valueText(value: Uint8Array): string {
  return textOf(value) ?? `base64:${toBase64(value)}`;
}

/** A value for JSON: base64 always, and the text when it is text. */
function valueJson(value: Uint8Array): { readonly valueBase64: string; readonly value?: string } {
  const text = textOf(value);
  return { valueBase64: toBase64(value), ...(text === null ? {} : { value: text }) };
}

export function entryJson({ value, ...entry }: KvEntry): object {
  return { ...entry, ...valueJson(value) };
}

export function eventJson(revision: number, event: WatchEvent): object {
  if (event.type !== "put") return { revision, ...event };
  const { value, ...rest } = event;
  return { revision, ...rest, ...valueJson(value) };
}

/** One line, however many lines and control characters `text` has. */
export function oneLine(text: string): string {
  const escaped = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => JSON.stringify(character).slice(1, -1));
  return escaped.length <= MAX_CELL_CHARACTERS ? escaped : `${escaped.slice(0, MAX_CELL_CHARACTERS - 1)}…`;
}

/** A plain table: columns by their width, no lines, no colours, so that it can be piped. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const none = { top: "", "top-mid": "", "top-left": "", "top-right": "" };
  const bottom = { bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" };
  const sides = { left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " };
  const table = new Table({
    head: [...head],
    chars: { ...none, ...bottom, ...sides },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows.map((row) => [...row]));
  printLine(table.toString().replace(/ +$/gm, ""));
}
