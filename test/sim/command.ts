/** `pnpm sim`: its options, and what each way of calling it does. */

import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { type RunReport, type Script, scriptOf, tellStory, tellTrace } from "@quorate/simulator";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { exploreSeeds, type Failure, failureOf, SEEDS } from "./exploration.js";
import { type Explained, explain } from "./failure.js";
import { Farm, type FarmOptions } from "./farm.js";
import { describeRun, isColoured, jsonOf, progress, progressOf, say, summaryOf, totalsJson, width } from "./output.js";
import type { Totals } from "./totals.js";

/** Exit codes. */
const EXIT = { nothingBroke: 0, broken: 1, usage: 2 } as const;

interface Options {
  readonly firstSeed?: number;
  readonly seeds?: number;
  readonly seconds?: number;
  readonly seed?: number;
  readonly file?: string;
  readonly trace?: true;
  readonly checkDeterminism?: true;
  readonly json?: true;
  readonly out: string;
  readonly shrinkSeconds?: number;
}

const SHRINK_SECONDS = 60;
/** Programs do not wait as long as people. */
const JSON_SHRINK_SECONDS = 25;

const HELP = `
Examples:
  pnpm sim                                  look for failures until Ctrl-C
  pnpm sim --seconds 60                     for a minute
  pnpm sim --first-seed 1 --seeds 5000      the seeds 1 to 5000
  pnpm sim --seed 17                        one run: is it fine, and if not, why?
  pnpm sim --seed 17 --trace                everything that happens in it
  pnpm sim --file quorate-sim-17.json       a failing run that was saved
  pnpm -s sim --seconds 60 --json           one JSON object, for programs

Exit codes:
  0  nothing broke
  1  something did: the story says what, and a file holds the run
  2  the command line is wrong, or the simulator does not start`;

/** Resolves with the exit code. `farmOptions` are for tests. */
export async function run(argv: readonly string[], farmOptions: FarmOptions = {}): Promise<number> {
  let exitCode: number = EXIT.nothingBroke;
  const command = createCommand(async (options) => {
    const farm = new Farm(farmOptions);
    try {
      exitCode = await carryOut(farm, options);
    } finally {
      progress("");
      farm.close();
    }
  });
  try {
    await command.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.nothingBroke : EXIT.usage;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.usage;
  }
}

function createCommand(action: (options: Options) => Promise<void>): Command {
  return new Command("sim")
    .description("Runs clusters in simulated time, under faults, and checks every rule of Raft after every step.")
    .option("--seconds <s>", "explore for so long", positive)
    .option("--seeds <n>", "explore so many seeds", wholeNumber)
    .option("--first-seed <n>", "where to begin (default: a random seed)", seedNumber)
    .addOption(new Option("--seed <n>", "run this seed alone").argParser(seedNumber).conflicts(EXPLORING))
    .addOption(new Option("--file <file>", "replay a run that was saved").conflicts([...EXPLORING, "seed"]))
    .option("--trace", "with --seed or --file: print everything that happens")
    .option("--check-determinism", "run each seed twice, and compare")
    .option("--shrink-seconds <s>", `how long to make a failing run shorter (default: ${SHRINK_SECONDS})`, positive)
    .option("--out <folder>", "where the file of a failing run goes", ".")
    .option("--json", "print one JSON object to standard output")
    .addHelpText("after", HELP)
    .showHelpAfterError("(add --help for what it takes)")
    .allowExcessArguments(false)
    .exitOverride()
    .action(action);
}

const EXPLORING = ["firstSeed", "seeds", "seconds"];

async function carryOut(farm: Farm, options: Options): Promise<number> {
  if (options.file !== undefined) return replayFile(farm, options, options.file);
  if (options.seed !== undefined && options.checkDeterminism !== true) return runSeed(farm, options, options.seed);
  return exploreMany(farm, options);
}

// --- exploring ---

async function exploreMany(farm: Farm, options: Options): Promise<number> {
  const { seed, seeds = seed === undefined ? SEEDS : 1, seconds, checkDeterminism = false, json = false } = options;
  const firstSeed = seed ?? options.firstSeed ?? randomInt(SEEDS);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  if (!json) process.stderr.write(`From seed ${firstSeed} on, ${farm.processes} at a time. Ctrl-C ends it.\n`);
  const exploration = await exploreSeeds(farm, {
    firstSeed,
    seeds,
    ...(seconds === undefined ? {} : { seconds }),
    isTwice: checkDeterminism,
    signal: stopping.signal,
    onProgress: reporter(),
  });
  process.off("SIGINT", stop).off("SIGTERM", stop);
  progress("");
  const { totals, failure, seconds: secondsTaken } = exploration;
  if (failure !== null) return report(farm, failure, secondsTaken, options);
  if (json) say(JSON.stringify(totalsJson(totals, firstSeed, secondsTaken)));
  else say(summaryOf(totals, firstSeed, secondsTaken));
  return EXIT.nothingBroke;
}

/** Tells of progress a few times a second. */
function reporter(): (totals: Totals) => void {
  const startMs = performance.now();
  let lastMs = 0;
  return (totals) => {
    const now = performance.now();
    if (now - lastMs < 200) return;
    lastMs = now;
    progress(progressOf(totals, (now - startMs) / 1000));
  };
}

async function report(farm: Farm, failure: Failure, seconds: number, options: Options): Promise<number> {
  const { json = false, out } = options;
  if (!json) say(`Seed ${failure.seed} breaks "${failure.violation.property}". Making it shorter …\n`);
  const explained: Explained = await explain(farm, failure, {
    budgetSeconds: options.shrinkSeconds ?? (json ? JSON_SHRINK_SECONDS : SHRINK_SECONDS),
    folder: out,
    width: width(),
    isColoured: isColoured() && !json,
    onProgress: ({ replays, events }) => progress(`${events} events after ${replays} runs`),
  });
  progress("");
  say(json ? JSON.stringify(jsonOf(explained, seconds)) : explained.story);
  return EXIT.broken;
}

// --- one run ---

async function runSeed(farm: Farm, options: Options, seed: number): Promise<number> {
  const startMs = performance.now();
  const answer = await farm.run({ kind: "explore", seed });
  if (options.trace === true && answer.kind === "report") await printTrace(farm, answer.report.script);
  const failure = failureOf(seed, answer);
  if (failure !== null) return report(farm, failure, (performance.now() - startMs) / 1000, options);
  if (answer.kind === "report") printRun(answer.report, options);
  return EXIT.nothingBroke;
}

function printRun(report: RunReport, { json }: Options): void {
  say(json === true ? JSON.stringify({ ...report, trace: null }) : describeRun(report));
}

async function printTrace(farm: Farm, script: Script): Promise<void> {
  const answer = await farm.run({ kind: "replay", script, isTraced: true });
  if (answer.kind === "report") say(tellTrace(answer.report, { width: width(), isColoured: isColoured() }));
}

async function replayFile(farm: Farm, options: Options, file: string): Promise<number> {
  const script = readScript(file);
  const answer = await farm.run({ kind: "replay", script, isTraced: true });
  const failure = failureOf(script.seed, answer);
  if (answer.kind !== "report") return report(farm, failure as Failure, 0, options);
  if (options.trace === true) await printTrace(farm, script);
  if (failure === null) printRun(answer.report, options);
  else if (options.json === true) say(JSON.stringify(jsonOf({ failure, minimized: null, file, story: "" }, 0)));
  else say(tellStory(answer.report, { width: width(), isColoured: isColoured() }));
  return failure === null ? EXIT.nothingBroke : EXIT.broken;
}

function readScript(file: string): Script {
  try {
    return scriptOf(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

// --- arguments ---

function seedNumber(text: string): number {
  const seed = Number(text);
  if (text.trim() !== "" && Number.isInteger(seed) && seed >= 0 && seed < SEEDS) return seed;
  throw new InvalidArgumentError("A seed is a whole number from 0 to 4294967295.");
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError("It is a whole number above 0.");
}

function positive(text: string): number {
  const number = Number(text);
  if (number > 0 && number < 1e9) return number;
  throw new InvalidArgumentError("It is a number of seconds above 0.");
}
