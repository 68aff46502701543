/** Options that several commands share, and how their values are read. */

import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { KvClient } from "../client.js";
import { MAX_TTL_MS } from "../limits.js";
import { UsageError } from "./exit-codes.js";

const DEFAULT_SERVER = "http://127.0.0.1:8001";

/** What every command has that talks to servers. */
export interface ClientOptions {
  readonly servers: readonly string[];
  readonly timeoutMs: number;
  readonly json?: true;
}

export function addClientOptions(command: Command, timeoutMs = 10_000): Command {
  const servers = new Option(
    "--servers <urls>",
    "servers to ask, http://host:port or kv://host:port, separated by commas; any of them takes any request",
  )
    .env("QUORATE_SERVERS")
    .default([DEFAULT_SERVER], DEFAULT_SERVER)
    .argParser((text: string) => text.split(",").map((url) => url.trim()));
  return command
    .addOption(servers)
    .option("--timeout-ms <ms>", "the most to wait for an answer, all servers together", readTimeoutMs, timeoutMs)
    .option("--json", "print one JSON object per result");
}

export function createClient({ servers, timeoutMs }: Omit<ClientOptions, "json">): KvClient {
  try {
    return new KvClient({ servers, timeoutMs });
  } catch (error) {
    if (error instanceof TypeError) throw usageError(error.message, error);
    throw error;
  }
}

/** For what writes: the session that the client may have opened is closed behind it, for it comes never again. */
export async function withClient(options: ClientOptions, act: (client: KvClient) => Promise<void>): Promise<void> {
  const client = createClient(options);
  try {
    await act(client);
  } finally {
    await client.close();
  }
}

/** For commander: a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  };
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** For commander: `500ms`, `30s`, `5m`, `2h` or `1d`, in milliseconds. */
export function readTtlMs(text: string): number {
  const [, count = "", unit = ""] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ttlMs = Number(count) * (DURATION_UNITS_MS[unit] ?? Number.NaN);
  if (ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return ttlMs;
  throw new InvalidArgumentError("It is a time such as 500ms, 30s, 5m, 2h or 1d, and at most ten years.");
}

export const readTimeoutMs = wholeNumber(1, 24 * 60 * 60 * 1000);
export const readRevision = wholeNumber(0, Number.MAX_SAFE_INTEGER);

/** The bytes of VALUE, of `--file`, or of standard input when VALUE is `-`: exactly one of them. */
export async function readValue(value: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if ((value === undefined) === (file === undefined))
    throw new UsageError("Give either VALUE (- for standard input) or --file.");
  if (value === "-") return readInput("-");
  return file === undefined ? Buffer.from(value ?? "") : readInput(file);
}

/** All of a file, or of standard input when `path` is `-`. */
export async function readInput(path: string): Promise<Buffer> {
  if (path === "-") return buffer(process.stdin);
  try {
    return await readFile(path);
  } catch (error) {
    throw usageError(`Cannot read ${path}: ${error instanceof Error ? error.message : error}.`, error);
  }
}

export function usageError(message: string, cause: unknown): UsageError {
  return new UsageError(message, { cause });
}
