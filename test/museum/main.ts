/**
 * `pnpm museum`: plants every bug of `bugs/` in a copy of the repository, one at a time, and sees whether the simulator
 * finds it without a hint. Prints a table, or one JSON object with `--json`.
 */

import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { type Exhibit, exhibits } from "./collection.js";
import { complaintAboutToday, examine, type Verdict } from "./examine.js";

interface Options {
  readonly only?: readonly string[];
  readonly seconds: number;
  readonly list?: true;
  readonly json?: true;
}

const MAX_CELL_CHARACTERS = 60;

const EXAMPLES = `
Examples:
  pnpm museum
  pnpm museum --only figure-8 --seconds 20
  pnpm -s museum --json > museum.json

Exit codes:
  0  every bug was found
  1  a bug was not found, or does not fit the code of today; or something was found without any
  2  the command line is wrong; nothing was done`;

async function museum({ only, seconds, json }: Options): Promise<void> {
  const chosen = choose(only);
  if (only === undefined) {
    progress("the code as it is …");
    const complaint = await complaintAboutToday(seconds);
    progress("");
    if (complaint !== null) {
      process.stderr.write(`No bug is planted, and yet: ${complaint}\n`);
      process.exitCode = 1;
      return;
    }
  }
  const verdicts: Verdict[] = [];
  for (const [place, exhibit] of chosen.entries()) {
    progress(`${place + 1} of ${chosen.length}: ${exhibit.name} …`);
    const verdict = await examine(exhibit, seconds);
    verdicts.push(verdict);
    progress("");
    process.stderr.write(`${place + 1}/${chosen.length} ${summary(verdict)}\n`);
  }
  const notFound = verdicts.filter(({ isFound }) => !isFound).map(({ name }) => name);
  if (json === true)
    printLine(JSON.stringify({ seconds, found: verdicts.length - notFound.length, notFound, verdicts }));
  else printTable(verdicts, notFound);
  if (notFound.length > 0) process.exitCode = 1;
}

function choose(only: readonly string[] | undefined): readonly Exhibit[] {
  const all = exhibits();
  if (only === undefined) return all;
  return only.map((name) => {
    const exhibit = all.find((each) => each.name === name);
    return exhibit ?? command.error(`error: there is no bug named ${name}; --list names them all`);
  });
}

function summary({ name, problem, finding }: Verdict): string {
  if (problem !== null) return `${name}: ${problem.split("\n")[0]}`;
  if (finding === null) return `${name}: not found`;
  return `${name}: ${finding.property}, after ${finding.seconds.toFixed(1)} s`;
}

function printTable(verdicts: readonly Verdict[], notFound: readonly string[]): void {
  const head = ["BUG", "SOURCE", "FOUND", "PROPERTY", "ORACLE", "SEED", "SECONDS", "EVENTS"];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const { name, source, problem, finding } of verdicts) {
    const from = source?.split(/,| \(/)[0] ?? "";
    if (finding === null) {
      table.push([name, from, problem === null ? "no" : `? ${cell(problem)}`, "", "", "", "", ""]);
    } else {
      const { property, oracle, seed, seconds, rawEvents, shrunkEvents } = finding;
      table.push([name, from, "yes", property, oracle, seed, seconds.toFixed(1), `${rawEvents} → ${shrunkEvents}`]);
    }
  }
  printLine(table.toString());
  const count = `${verdicts.length - notFound.length} of ${verdicts.length} bugs found`;
  printLine(notFound.length === 0 ? `\n${count}.` : `\n${count}; not found: ${notFound.join(", ")}.`);
}

/** The whole of it was told while it happened. */
function cell(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length <= MAX_CELL_CHARACTERS ? line : `${line.slice(0, MAX_CELL_CHARACTERS - 1)}…`;
}

/** One line that the next one replaces; where nobody looks on, nothing. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1e6) return value;
  throw new InvalidArgumentError("It is a number of seconds above 0.");
}

const command = new Command("museum")
  .description(
    "Plants each of the published bugs of other Raft libraries in a copy of this one, and sees whether the simulator " +
      "finds it without a hint.",
  )
  .option("--only <name...>", "only these bugs")
  .option("--seconds <s>", "how long the simulator may look for each", positiveNumber, 120)
  .option("--list", "name the bugs, and do nothing")
  .option("--json", "print one JSON object to standard output, and progress to standard error")
  .addHelpText("after", EXAMPLES)
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action((options: Options) => {
    if (options.list !== true) return museum(options);
    for (const { name } of choose(options.only)) printLine(name);
    return undefined;
  });

await command.parseAsync();
