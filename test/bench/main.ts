/** `pnpm bench PART`: what Quorate costs on this machine. Prints a table, or one JSON object with `--json`. */

import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureCatchUp } from "./catch-up.js";
import { type CoreFigures, measureCore } from "./core.js";
import { type HistoryOrder, type LinearizabilityFigures, measureLinearizability } from "./linearizability.js";
import { type MemoryFigures, measureMemory } from "./memory.js";
import { measureSimulator, type SimulatorFigures } from "./simulator.js";

const USAGE = `Usage: pnpm bench PART [options]

Parts:
  core     three cores in one thread, 256-byte proposals at 1, 64 and 1024 in flight
  memory   three processes on LevelDB, one long row of 256-byte entries: does memory grow with the log?
  catch-up  three processes on LevelDB, of which one comes a million entries late, while the others go on working
  linearizability  the history checker: a million operations of 100 clients on 100 keys, 1 % of unknown outcome
  simulator  one core, all checkers on: steps of bare cores, and simulated time of whole servers, in a second

Options:
  --seconds S   core, simulator: how long each repeat runs (default 1)
  --repeats N   core, simulator, linearizability: how often each case is measured; cases take turns (default 5)
  --entries N   memory, catch-up: how many entries (default 1000000)
  --state-mib N  catch-up: how large the state is (default 64)
  --json        one JSON object on standard output, progress on standard error
  --help        this text
`;

const IN_FLIGHT = [1, 64, 1024];
const PAYLOAD_BYTES = 256;

interface Settings {
  readonly seconds: number;
  readonly repeats: number;
  readonly entries: number;
  readonly stateMiB: number;
  readonly isJson: boolean;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "1" },
      repeats: { type: "string", default: "5" },
      entries: { type: "string", default: "1000000" },
      "state-mib": { type: "string", default: "64" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const given = [values.seconds, values.repeats, values.entries, values["state-mib"]].map(Number);
  const [seconds, repeats, entries, stateMiB] = given as [number, number, number, number];
  const areWhole = [repeats, entries, stateMiB].every((each) => Number.isInteger(each) && each > 0);
  const isSound = seconds > 0 && areWhole && entries >= 1e5;
  const part = PARTS[positionals.join(" ")];
  if (values.help) {
    process.stdout.write(USAGE);
  } else if (part === undefined || !isSound) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  } else {
    await part({ seconds, repeats, entries, stateMiB, isJson: values.json });
  }
}

const PARTS: Readonly<Record<string, (settings: Settings) => Promise<void> | void>> = {
  core,
  memory,
  "catch-up": catchUp,
  simulator,
  linearizability,
};

// --- core ---

interface CoreCase {
  readonly inFlight: number;
  readonly proposalsPerSecond: Spread;
  readonly messagesPerProposal: Spread;
}

function core({ seconds, repeats, isJson }: Settings): void {
  const runs = new Map<number, CoreFigures[]>(IN_FLIGHT.map((inFlight) => [inFlight, []]));
  for (const inFlight of IN_FLIGHT) measureCore(inFlight, Math.min(seconds, 0.5));
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const [inFlight, figures] of runs) {
      progress(`core: repeat ${repeat} of ${repeats}, ${inFlight} in flight`);
      figures.push(measureCore(inFlight, seconds));
    }
  }
  progress("");
  const cases: CoreCase[] = [...runs].map(([inFlight, figures]) => ({
    inFlight,
    proposalsPerSecond: spread(figures.map((run) => run.proposals / run.seconds)),
    messagesPerProposal: spread(figures.map((run) => run.messages / run.proposals)),
  }));
  if (isJson) return printJson({ part: "core", machine: machine(), cases });
  say(`core: three cores, one thread, 256-byte proposals (${describeMachine()})`);
  say("in flight   proposals/s: median (lowest … highest)   messages/proposal");
  for (const { inFlight, proposalsPerSecond: rate, messagesPerProposal } of cases) {
    const range = `${whole(rate.median)} (${whole(rate.lowest)} … ${whole(rate.highest)})`;
    say(`${String(inFlight).padStart(9)}   ${range.padEnd(42)}   ${messagesPerProposal.median.toFixed(3)}`);
  }
}

// --- memory ---

async function memory({ entries, isJson }: Settings): Promise<void> {
  const order = { entries, sizeBytes: PAYLOAD_BYTES, inFlight: 256 };
  const servers = await measureMemory(order, (applied) => progress(`memory: ${whole(applied)} of ${whole(entries)}`));
  progress("");
  if (isJson) return printJson({ part: "memory", machine: machine(), entries, servers });
  say(`memory: ${whole(entries)} entries of 256 bytes through three servers (${describeMachine()})`);
  say("server      resident MiB at each fifth of the way   farthest from the median");
  for (const server of servers) say(describeServer(server));
}

function describeServer({ name, isLeader, samples, spreadPercent }: MemoryFigures): string {
  const fifths = [1, 2, 3, 4, 5].map((fifth) => samples[Math.ceil((samples.length * fifth) / 5) - 1]?.rssMiB ?? 0);
  const row = fifths.map((rss) => rss.toFixed(0).padStart(6)).join(" ");
  return `${(isLeader ? `${name} (leads)` : name).padEnd(11)} ${row.padEnd(40)} ${spreadPercent.toFixed(0)} %`;
}

// --- catch-up ---

async function catchUp({ entries, stateMiB, isJson }: Settings): Promise<void> {
  const figures = await measureCatchUp({ entries, stateMiB, onProgress: (text) => progress(`catch-up: ${text}`) });
  progress("");
  if (isJson) return printJson({ part: "catch-up", machine: machine(), figures });
  const { behindEntries, seconds, entriesPerSecond, p99BeforeMs, p99MeanwhileMs, elections, servers } = figures;
  say(`catch-up: ${whole(behindEntries)} entries of 256 bytes, ${stateMiB} MiB of state (${describeMachine()})`);
  say(`kept up after ${seconds.toFixed(1)} s: ${whole(entriesPerSecond)} entries/s; elections meanwhile: ${elections}`);
  say(`the leader's proposals, p99: ${p99BeforeMs.toFixed(1)} ms before, ${p99MeanwhileMs.toFixed(1)} ms meanwhile`);
  say("server      highest resident MiB   longest delay of the event loop, ms");
  for (const { name, isLeader, highestRssMiB, longestLoopDelayMs } of servers) {
    const label = (isLeader ? `${name} (leads)` : name).padEnd(11);
    say(`${label} ${highestRssMiB.toFixed(0).padStart(20)}   ${longestLoopDelayMs.toFixed(0).padStart(35)}`);
  }
}

// --- simulator ---

async function simulator({ seconds, repeats, isJson }: Settings): Promise<void> {
  const runs: SimulatorFigures[] = [];
  await measureSimulator(seconds, 1);
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    progress(`simulator: repeat ${repeat} of ${repeats}`);
    runs.push(await measureSimulator(seconds, 100_000 * repeat));
  }
  progress("");
  const rows = {
    "cores, steps/s": spread(runs.map((run) => run.coreStepsPerSecond)),
    "3 servers at rest, × real time": spread(runs.map((run) => run.restTimesRealTime)),
    "3 servers, 10 requests/s, × real time": spread(runs.map((run) => run.busyTimesRealTime)),
    "servers in bad times, × real time": spread(runs.map((run) => run.hostileTimesRealTime)),
    "servers in bad times, events/s": spread(runs.map((run) => run.hostileEventsPerSecond)),
  };
  if (isJson) return printJson({ part: "simulator", machine: machine(), rows });
  say(`simulator: one core, all checkers on (${describeMachine()})`);
  say("median (lowest … highest)");
  for (const [name, { median, lowest, highest }] of Object.entries(rows)) {
    say(`${name.padEnd(38)} ${whole(median)} (${whole(lowest)} … ${whole(highest)})`);
  }
}

// --- linearizability ---

const HISTORY: HistoryOrder = { operations: 1_000_000, clients: 100, keys: 100, unknown: 0.01 };

function linearizability({ repeats, isJson }: Settings): void {
  const runs: LinearizabilityFigures[] = [];
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    progress(`linearizability: repeat ${repeat} of ${repeats}`);
    runs.push(measureLinearizability(HISTORY, repeat));
  }
  progress("");
  const generateMs = spread(runs.map((run) => run.generateMs));
  const checkMs = spread(runs.map((run) => run.checkMs));
  const steps = spread(runs.map((run) => run.steps));
  if (isJson) {
    printJson({ part: "linearizability", machine: machine(), history: HISTORY, generateMs, checkMs, steps });
    return;
  }
  say(
    `linearizability: ${whole(HISTORY.operations)} operations on ${HISTORY.keys} cas-registers (${describeMachine()})`,
  );
  say("             median (lowest … highest)");
  for (const [name, { median, lowest, highest }] of Object.entries({ generateMs, checkMs, steps })) {
    say(`${name.padEnd(10)}   ${whole(median)} (${whole(lowest)} … ${whole(highest)})`);
  }
}

// --- output ---

interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (place: number): number => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    lowest: at(0),
    highest: at(sorted.length - 1),
  };
}

function machine() {
  return { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, load1: loadavg()[0] };
}

function describeMachine(): string {
  const { cpu, cores, node, load1 } = machine();
  return `${cores} × ${cpu}, Node ${node}, load ${load1?.toFixed(1)}`;
}

/** One line that the next one replaces. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printJson(result: object): void {
  say(JSON.stringify(result));
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

await main();
