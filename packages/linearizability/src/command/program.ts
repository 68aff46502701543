/** The command line: reads histories, prints a verdict for each, one JSON object a line. */

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type CheckResult, check, type Failure } from "../check.js";
import { explain } from "../explain.js";
import type { HistoryEvent, HistoryOperation } from "../history.js";
import { type HistoryModel, inferInit, inferModel, type ModelName, modelNamed, modelNames } from "../models/infer.js";
import { drawPicture } from "../picture/draw.js";
import type { Limits } from "../search/budget.js";
import { manifestEntryOf, readHistory } from "./files.js";

const EXAMPLES = `
Prints one JSON object a line for each FILE: "file", "verdict" ("linearizable", "not-linearizable" or "unknown"), "ms"
(to read and to check it), "model", "operations" and "steps"; "key" where it fails, "limit" if one was reached.

The model is, in this order: the one of --model; the one that manifest.json beside the file names for it; the one that
has all the operations of the history. So is the initial value, with --init.

Exit code: 0; 1 if a history is not linearizable; 2 if one could not be read or the command is wrong.

Examples:
  check history.jsonl                            a verdict; plain text or gzip
  check runs/*.jsonl --time-limit-ms 5000        many; "unknown" for those that take longer than 5 s
  check history.jsonl --model cas-register --init 0
  check history.jsonl --html failure.html        and a picture of what contradicts itself
`;

interface Options {
  readonly model?: ModelName;
  readonly init?: unknown;
  readonly timeLimitMs: number;
  readonly memoryLimitMb: number;
  readonly html?: string;
}

/** Runs the command, and returns its exit code. */
export function run(args: readonly string[]): number {
  let exitCode = 0;
  const program = new Command("linearizability")
    .description("Is a concurrent history linearizable?")
    .exitOverride()
    .showHelpAfterError("(--help says more)");
  program
    .command("check")
    .description("Checks histories, and says of each whether it is linearizable.")
    .argument("<FILE...>", "histories: one event a line, as JSON, plain or gzip")
    .addOption(new Option("--model <name>", "the model").choices(modelNames))
    .option("--init <json>", "the initial value, as JSON (default: the model's)", parseJson)
    .option("--time-limit-ms <ms>", "give up on a file after this time", parsePositive, 60_000)
    .option("--memory-limit-mb <mb>", "give up when the tables of the search are this large", parsePositive, 1024)
    .option("--html <picture>", "draw the first failure, made as small as possible, into this file")
    .addHelpText("after", EXAMPLES)
    .action((files: readonly string[], options: Options) => {
      exitCode = checkFiles(files, options);
    });
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It must be JSON: 0, null, '\"text\"', '{\"x\": 0}'.");
  }
}

function parsePositive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new InvalidArgumentError("It must be a positive number.");
  return number;
}

function checkFiles(files: readonly string[], options: Options): number {
  let html = options.html;
  const exitCodes = files.map((file) => {
    try {
      const { model, result } = checkFile(file, options);
      if (result.failure === null) return 0;
      if (html !== undefined) draw(html, file, model, result.failure, options);
      html = undefined;
      return 1;
    } catch (error) {
      process.stderr.write(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
      return 2;
    }
  });
  if (html !== undefined) process.stderr.write(`${html} is not written: there is no failure to draw\n`);
  return Math.max(...exitCodes);
}

interface Checked {
  readonly model: HistoryModel;
  readonly result: CheckResult<HistoryOperation>;
}

function checkFile(file: string, options: Options): Checked {
  const start = performance.now();
  const history = readHistory(file);
  const model = modelOf(file, history, options);
  const result = check(history, model, limitsOf(options));
  const ms = Math.round((performance.now() - start) * 10) / 10;
  const line = { file, verdict: result.verdict, ms, model: model.name, ...detailsOf(result) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return { model, result };
}

function limitsOf({ timeLimitMs, memoryLimitMb }: Options): Limits {
  return { timeLimitMs, memoryLimitBytes: memoryLimitMb * 2 ** 20, now: () => performance.now() };
}

function draw(
  html: string,
  file: string,
  model: HistoryModel,
  failure: Failure<HistoryOperation>,
  options: Options,
): void {
  const explanation = explain(failure, model, limitsOf(options));
  writeFileSync(html, drawPicture(explanation, { title: basename(file) }));
}

function detailsOf({ operations, steps, limit, failure }: CheckResult<HistoryOperation>): object {
  const key = failure?.partition.length === 1 ? { key: failure.partition[0] } : {};
  return { operations, steps, ...key, ...(limit === null ? {} : { limit }) };
}

function modelOf(file: string, history: readonly HistoryEvent[], options: Options): HistoryModel {
  const entry = manifestEntryOf(file);
  const name = options.model ?? entry?.model ?? inferModel(history);
  if (name === null) {
    const names = [...new Set(history.map(({ f }) => f))].join(", ");
    throw new Error(`no model has all of the operations ${names}: say which it is with --model`);
  }
  const known = options.init ?? (entry?.model === name ? entry.init : undefined);
  return modelNamed(name, known === undefined ? inferInit(name, history) : known);
}
