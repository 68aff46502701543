/** Reads histories, and what a manifest beside them says. */

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { HistoryEvent } from "../history.js";
import { isModelName, type ModelName } from "../models/infer.js";
import { parseHistory } from "../parse.js";

/** The first bytes of whatever is compressed by gzip. */
const GZIP = [0x1f, 0x8b];

/** @throws Error if the file cannot be read or holds no history. */
export function readHistory(file: string): HistoryEvent[] {
  const content = readFileSync(file);
  const isCompressed = GZIP.every((byte, index) => content[index] === byte);
  return parseHistory((isCompressed ? gunzipSync(content) : content).toString("utf8"));
}

export interface ManifestEntry {
  readonly model: ModelName;
  readonly init?: unknown;
}

/**
 * What `manifest.json` in the same folder says of `file`: null if there is none, or it does not name the file. A
 * manifest is a list of objects with at least `file` and `model`; a `.gz` at the end of a name makes no difference.
 *
 * @throws Error if the manifest names the file, but no model that there is.
 */
export function manifestEntryOf(file: string): ManifestEntry | null {
  const path = join(dirname(file), "manifest.json");
  if (!existsSync(path)) return null;
  const entries = readJson(path);
  if (!Array.isArray(entries)) return null;
  const name = basename(file);
  const found =
    entries.find((entry: unknown) => fileOf(entry) === name) ??
    entries.find((entry: unknown) => withoutGz(fileOf(entry) ?? "") === withoutGz(name));
  if (found === undefined) return null;
  const { model, init } = found as { readonly model?: unknown; readonly init?: unknown };
  if (!isModelName(model))
    throw new Error(`${path} says that its model is ${JSON.stringify(model)}, which is not known`);
  return init === undefined ? { model } : { model, init };
}

/** Whatever else is called manifest.json is none of ours. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function fileOf(entry: unknown): string | undefined {
  const { file } = (entry ?? {}) as { readonly file?: unknown };
  return typeof file === "string" ? file : undefined;
}

function withoutGz(name: string): string {
  return name.replace(/\.gz$/, "");
}
