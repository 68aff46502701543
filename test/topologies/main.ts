/**
 * `pnpm topologies`: breaks the links between three and five servers in every way in which some server can still talk
 * with a majority, and sees how long it takes until entries are committed. Prints a table, or one JSON object with
 * `--json`.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { casesOfLinks, type TopologyCase } from "@quorate/simulator";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { enumerate } from "./enumeration.js";
import { runAll } from "./farm.js";
import { replaceBetweenMarks, times, toMarkdown } from "./report.js";
import { byGraph, type Failure, failuresOf, type Result, type Row } from "./results.js";

interface Options {
  readonly every: number;
  readonly seeds: number;
  readonly links?: string;
  readonly write?: true;
  readonly json?: true;
}

const PAGE = new URL("../../docs/topologies.md", import.meta.url);

const EXAMPLES = `
Examples:
  pnpm topologies                        every graph, whatever was before: half an hour or so
  pnpm topologies --every 50             every graph, and a part of what may have been before
  pnpm topologies --links "1-2 2-4 3>5"  five servers with these links alone
  pnpm -s topologies --json > topologies.json

Exit codes:
  0  in each case entries were committed in time, and under one leader from then on
  1  in some case not
  2  the command line is wrong; nothing was done`;

async function topologies({ every, seeds, links, write, json }: Options): Promise<void> {
  const startedAt = performance.now();
  const run = async (cases: readonly TopologyCase[]): Promise<Result[]> => {
    const results = await runAll(cases, seeds, (done, of) => progress(`${done} of ${of} …`));
    progress("");
    return results;
  };
  if (links !== undefined) return report(await run(casesOf(links)), json === true);

  const found = await enumerate(run, every);
  const seconds = (performance.now() - startedAt) / 1_000;
  const processes = availableParallelism();
  const { three, five, shapes, failures } = found;
  if (write === true) {
    const text = toMarkdown({ ...found, every, seconds, seeds, processes });
    writeFileSync(PAGE, replaceBetweenMarks(readFileSync(PAGE, "utf8"), text));
  }
  if (json === true) {
    printLine(JSON.stringify({ seconds, seeds, every, three: three.rows, five: five.rows, shapes, failures }));
  } else {
    printTable("3 SERVERS, LINKS", three.rows);
    printTable("5 SERVERS, SO MANY CAN TALK WITH A MAJORITY", five.rows);
    printTable("5 SERVERS, LINKS", shapes);
  }
  tell(failures);
}

function casesOf(links: string): TopologyCase[] {
  let cases: TopologyCase[];
  try {
    cases = casesOfLinks(5, links);
  } catch (error) {
    return command.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  }
  return cases.length > 0 ? cases : command.error("error: no server can talk with a majority there");
}

function report(results: readonly Result[], isJson: boolean): void {
  if (isJson) printLine(JSON.stringify({ rows: byGraph(results), failures: failuresOf(results) }));
  else printTable("5 SERVERS, LINKS", byGraph(results));
  tell(failuresOf(results));
}

function tell(failures: readonly Failure[]): void {
  for (const failure of failures.slice(0, 20)) process.stderr.write(`${failure.case}: ${failure.problem}\n`);
  if (failures.length === 0) return;
  process.stderr.write(`${failures.length} cases failed.\n`);
  process.exitCode = 1;
}

/** Times are in election timeouts. */
function printTable(first: string, rows: readonly Row[]): void {
  const head = [first, "GRAPHS", "RUNS", "MEDIAN", "WORST", "THE WORST"];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const { name, graphs, cases, median, worst, worstCase } of rows)
    table.push([name, graphs, cases, times(median), times(worst), worstCase]);
  printLine(table.toString());
}

/** One line that the next one replaces; where nobody looks on, nothing. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number above 0.");
}

const command = new Command("topologies")
  .description(
    "Breaks the links between three and five servers in every way in which some server can still talk with a majority " +
      "in both directions, and sees how long it takes until entries are committed, in election timeouts.",
  )
  .option("--every <n>", "of five servers, every nth case alone, and one of each graph", wholeNumber, 1)
  .option("--seeds <n>", "run each case with so many seeds", wholeNumber, 1)
  .option("--links <links>", "run five servers with these links alone, as in 1-2 3>4")
  .option("--write", "write the tables into docs/topologies.md")
  .option("--json", "print one JSON object to standard output")
  .addHelpText("after", EXAMPLES)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(topologies);

await command.parseAsync();
