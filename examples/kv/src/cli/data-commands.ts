/** The commands that read and write keys: put, get, del, cas, list and txn. */

import type { Command } from "commander";
import type { ReadOptions, TxnAnswer, TxnRequest } from "../client/types.js";
import type { KvEntry } from "../commands.js";
import { EXIT } from "./exit-codes.js";
import {
  addClientOptions,
  type ClientOptions,
  createClient,
  readInput,
  readRevision,
  readTtlMs,
  readValue,
  usageError,
  wholeNumber,
  withClient,
} from "./options.js";
import { entryJson, oneLine, printJson, printLine, printTable, valueText } from "./output.js";

type PutOptions = { readonly file?: string; readonly ttl?: number };

const PAGE_ENTRIES = 1000;

export function addDataCommands(program: Command): void {
  addClientOptions(program.command("put <key> [value]"))
    .summary("write a key")
    .description("Writes KEY, whatever it held. VALUE is text; - reads it from standard input.")
    .option("--file <path>", "take the value from a file")
    .option("--ttl <time>", "how long the key stays, 30s say; by default for ever", readTtlMs)
    .addHelpText(
      "after",
      examples(
        "put greeting hello",
        "put session/7 me --ttl 30m",
        "put logo --file logo.png",
        "put notes - < notes.txt",
        "put temp -- -5",
      ),
    )
    .action(onPut);
  addReadOptions(program.command("get <key>"))
    .summary("read a key")
    .description("Prints the value of KEY: as text, or as base64 if it is none. Exits with 1 if there is no such key.")
    .option("--raw", "print the exact bytes, without a line end")
    .addHelpText(
      "after",
      examples("get greeting", "get logo --raw > logo.png", "get greeting --consistency stale --json"),
    )
    .action(onGet);
  addClientOptions(program.command("del <key>"))
    .summary("delete a key")
    .description("Deletes KEY. Exits with 1 if there is no such key, or if it is at another revision than --expect.")
    .option("--expect <revision>", "only if the key is at this revision", readRevision)
    .addHelpText("after", examples("del greeting", "del greeting --expect 12"))
    .action(onDel);
  addClientOptions(program.command("cas <key> [value]"))
    .summary("write a key if it is at a revision")
    .description(
      "Writes KEY if its revision is --expect; 0 means that it must not exist. Exits with 1 if it is another.",
    )
    .requiredOption("--expect <revision>", "the revision that the key must have", readRevision)
    .option("--file <path>", "take the value from a file")
    .option("--ttl <time>", "how long the key stays, 30s say; by default for ever", readTtlMs)
    .addHelpText("after", examples("cas greeting --expect 12 'hello again'", "cas lock --expect 0 me"))
    .action(onCas);
  addReadOptions(program.command("list [prefix]"))
    .summary("list keys")
    .description("Lists the keys that start with PREFIX, or all, in the order of their bytes.")
    .option("--limit <count>", "the most keys to list", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addHelpText("after", examples("list", "list user/ --limit 20", "list user/ --json"))
    .action(onList);
  addClientOptions(program.command("txn <file>"))
    .summary("execute a transaction")
    .description(
      "Executes the transaction in FILE (- is standard input): when all of `compare` hold, the operations of `success`, " +
        "otherwise those of `failure`, atomically. Exits with 1 if it was `failure`.",
    )
    .addHelpText("after", examples("txn transfer.json", `txn - <<< '${EXAMPLE_TXN}'`))
    .action(onTxn);
}

interface FreshnessOptions {
  readonly consistency?: string;
  readonly maxStalenessMs?: number;
}

function addReadOptions(command: Command): Command {
  return addClientOptions(command)
    .option(
      "--consistency <level>",
      "linearizable; lease: as fresh, and faster, by the clocks; or stale: maybe old data",
    )
    .option(
      "--max-staleness-ms <ms>",
      "how old the data of a stale read may be",
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    );
}

const EXAMPLE_TXN =
  '{"compare":[{"key":"a","revision":0}],"success":[{"type":"put","key":"a","value":"1"}],"failure":[{"type":"get","key":"a"}]}';

/** Examples for the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ quorate-kv ${line}`).join("\n")}`;
}

async function onPut(key: string, value: string | undefined, options: ClientOptions & PutOptions): Promise<void> {
  const bytes = await readValue(value, options.file);
  await withClient(options, async (client) => {
    const written = await client.put(key, bytes, { ttlMs: options.ttl });
    if (options.json) printJson({ key, ...written });
    else printLine(`revision ${written.revision}`);
  });
}

async function onGet(key: string, options: ClientOptions & FreshnessOptions & { readonly raw?: true }): Promise<void> {
  const entry = await createClient(options).get(key, readFreshness(options));
  if (entry === null) return negative(options, { key, found: false }, `There is no key ${JSON.stringify(key)}.`);
  if (options.json) printJson(entryJson(entry));
  else if (options.raw) process.stdout.write(entry.value);
  else printLine(valueText(entry.value));
}

async function onDel(key: string, options: ClientOptions & { readonly expect?: number }): Promise<void> {
  await withClient(options, async (client) => {
    const answer = await client.del(key, { expectedRevision: options.expect });
    if (!answer.deleted) return negative(options, { key, ...answer }, describeRevision(key, answer.currentRevision));
    if (options.json) printJson({ key, ...answer });
    else printLine(`revision ${answer.revision}`);
  });
}

async function onCas(
  key: string,
  value: string | undefined,
  options: ClientOptions & PutOptions & { readonly expect: number },
): Promise<void> {
  const bytes = await readValue(value, options.file);
  await withClient(options, async (client) => {
    const answer = await client.cas(key, options.expect, bytes, { ttlMs: options.ttl });
    if (!answer.succeeded) return negative(options, { key, ...answer }, describeRevision(key, answer.currentRevision));
    if (options.json) printJson({ key, ...answer });
    else printLine(`revision ${answer.revision}`);
  });
}

async function onList(
  prefix: string | undefined,
  options: ClientOptions & FreshnessOptions & { readonly limit?: number },
): Promise<void> {
  const client = createClient(options);
  const freshness = readFreshness(options);
  const entries: KvEntry[] = [];
  let cursor: string | undefined;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  do {
    const page = await client.list({ prefix, limit: Math.min(left, PAGE_ENTRIES), cursor, ...freshness });
    left -= page.entries.length;
    cursor = page.nextCursor;
    if (options.json) for (const entry of page.entries) printJson(entryJson(entry));
    else entries.push(...page.entries);
  } while (cursor !== undefined && left > 0);
  if (options.json) return;
  const rows = entries.map(({ key, value, revision }) => [oneLine(key), String(revision), oneLine(valueText(value))]);
  printTable(["KEY", "REVISION", "VALUE"], rows);
}

async function onTxn(file: string, options: ClientOptions): Promise<void> {
  const txn = parseTxn(await readInput(file));
  await withClient(options, async (client) => {
    const answer = await client.txn(txn);
    if (!answer.succeeded) process.exitCode = EXIT.negative;
    if (options.json) return printJson({ ...answer, results: answer.results.map(resultJson) });
    printLine(`${answer.succeeded ? "success" : "failure"} at revision ${answer.revision}`);
    for (const result of answer.results) printLine(resultText(result));
  });
}

/** The server judges what is in it; here it need only be JSON. */
function parseTxn(input: Buffer): TxnRequest {
  try {
    return JSON.parse(input.toString()) as TxnRequest;
  } catch (error) {
    throw usageError(`The transaction is not JSON: ${error instanceof Error ? error.message : error}.`, error);
  }
}

function resultJson(result: TxnAnswer["results"][number]): object {
  if (result.type !== "get") return result;
  return { type: result.type, entry: result.entry === null ? null : entryJson(result.entry) };
}

function resultText(result: TxnAnswer["results"][number]): string {
  if (result.type === "put") return `put     revision ${result.revision}`;
  if (result.type === "delete") return `delete  ${result.deleted ? `revision ${result.revision}` : "no such key"}`;
  const { entry } = result;
  return `get     ${entry === null ? "no such key" : `${oneLine(entry.key)} = ${valueText(entry.value)}`}`;
}

function readFreshness({
  consistency = "linearizable",
  maxStalenessMs,
}: FreshnessOptions): Pick<ReadOptions, "consistency" | "maxStalenessMs"> {
  if (consistency !== "linearizable" && consistency !== "lease" && consistency !== "stale")
    throw usageError(`--consistency is linearizable, lease or stale, not ${JSON.stringify(consistency)}.`, undefined);
  if (maxStalenessMs !== undefined && consistency !== "stale")
    throw usageError("--max-staleness-ms goes with --consistency stale.", undefined);
  return { consistency, maxStalenessMs };
}

function describeRevision(key: string, revision: number): string {
  if (revision === 0) return `There is no key ${JSON.stringify(key)}.`;
  return `The key ${JSON.stringify(key)} is at revision ${revision}.`;
}

/** The answer is no: said where it does not mix with values, unless a program wants it. */
function negative(options: ClientOptions, json: object, text: string): void {
  process.exitCode = EXIT.negative;
  if (options.json) printJson(json);
  else process.stderr.write(`${text}\n`);
}
