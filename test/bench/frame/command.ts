/** The command line: one subcommand for each part, with the options that all share and those that are its own. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { makeDataDirectory } from "./machine.js";
import type { Part, Settings } from "./part.js";
import { toText } from "./print.js";
import { profileReport } from "./profile.js";
import type { PartResult } from "./result.js";
import { runPart } from "./run.js";

interface Flags {
  readonly seconds?: number;
  readonly repeats?: number;
  readonly quick?: true;
  readonly compare?: true;
  readonly json?: true;
  readonly save?: string;
  readonly directory?: string;
  readonly profile?: string;
  readonly [option: string]: unknown;
}

const EXAMPLES = `
Examples:
  pnpm bench core --compare          in turn with etcd's core, and how we stand
  pnpm bench all --quick             a short look at everything
  pnpm -s bench core --json          one JSON object to standard output
  pnpm bench core --save FOLDER      keep it, for pictures and tables
  pnpm bench embedded --profile FOLDER --seconds 5 --repeats 1`;

/** In a short look, each case is measured once and for a moment. */
const QUICK = { seconds: 0.5, repeats: 1 };

export function benchCommand(parts: readonly Part[]): Command {
  const program = new Command("bench")
    .description("Measures what Quorate costs on this machine, and holds it against others.")
    .addHelpText("after", EXAMPLES)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(() => program.outputHelp());
  for (const part of parts) {
    const command = withOptions(program.command(part.name).description(part.summary), part);
    for (const { name, meaning, usual } of part.options) {
      command.option(`--${name} <n>`, `${meaning} (default: ${usual})`, wholeNumber);
    }
    command.addHelpText("after", columnsHelp(part));
    command.action((flags: Flags) => runAll([part], flags));
  }
  withOptions(program.command("all").description("every part, one after the other"), null).action((flags: Flags) =>
    runAll(parts, flags),
  );
  return program;
}

function withOptions(command: Command, part: Part | null): Command {
  const usual = (value: number | undefined): string => (value === undefined ? "each part's own" : String(value));
  return command
    .option("--seconds <s>", `how long each case is measured (default: ${usual(part?.seconds)})`, positive)
    .option("--repeats <n>", `how often; contenders take turns (default: ${usual(part?.repeats)})`, wholeNumber)
    .option("--quick", "a short look: fewer, smaller, shorter")
    .option("--compare", "run the rivals in turn, where they can be run, and print ratios")
    .option("--json", "print one JSON object to standard output, nothing else")
    .option("--save <folder>", "write the JSON object to a file there as well, named after the part")
    .option("--profile <folder>", "leave CPU profiles of all processes there, and print where the time went")
    .option("--directory <folder>", "where servers keep their data meanwhile: on the disk to measure");
}

function columnsHelp({ columns }: Part): string {
  const width = Math.max(...columns.map(({ title }) => title.length));
  const lines = columns.map(({ title, meaning }) => `  ${title.padEnd(width)}  ${meaning}`);
  return `\nColumns:\n${lines.join("\n")}`;
}

async function runAll(parts: readonly Part[], flags: Flags): Promise<void> {
  for (const part of parts) {
    const settings = settingsOf(part, flags);
    const result = await runPart(part, settings, flags.compare === true);
    if (flags.save !== undefined) save(result, flags.save);
    process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${toText(result)}\n\n`);
    if (settings.profiles !== null && flags.json !== true)
      process.stdout.write(`${profileReport(settings.profiles)}\n`);
  }
}

function settingsOf(part: Part, flags: Flags): Settings {
  const usual = flags.quick === true ? QUICK : part;
  const numbers = part.options.map(({ name, usual: otherwise, quick }) => {
    return [name, flags[camelCase(name)] ?? (flags.quick === true ? quick : otherwise)];
  });
  return {
    seconds: flags.seconds ?? Math.min(usual.seconds, part.seconds),
    repeats: flags.repeats ?? usual.repeats,
    isQuick: flags.quick === true,
    numbers: Object.fromEntries(numbers),
    directory: makeDataDirectory(flags.directory),
    profiles: flags.profile ?? null,
  };
}

/** As commander names what `--state-mib` gives. */
function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function save(result: PartResult, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.part}.json`), `${JSON.stringify(result, null, 1)}\n`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number above 0.");
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a number above 0.");
}
