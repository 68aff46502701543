/** `pnpm bench PART`: what Quorate costs on this machine. Prints a table, or one JSON object with `--json`. */

import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type CoreFigures, measureCore } from "./core.js";

const USAGE = `Usage: pnpm bench core [--seconds S] [--repeats N] [--json]

Parts:
  core     three cores in one thread, 256-byte proposals at 1, 64 and 1024 in flight

Options:
  --seconds S   how long each repeat runs (default 1)
  --repeats N   how often each case is measured; cases take turns (default 5)
  --json        one JSON object on standard output, progress on standard error
  --help        this text
`;

const IN_FLIGHT = [1, 64, 1024];

interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

interface Case {
  readonly inFlight: number;
  readonly proposalsPerSecond: Spread;
  readonly messagesPerProposal: Spread;
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "1" },
      repeats: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds);
  const repeats = Number(values.repeats);
  if (values.help) {
    process.stdout.write(USAGE);
  } else if (positionals.join(" ") !== "core" || !(seconds > 0) || !Number.isInteger(repeats) || repeats < 1) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
  } else {
    report(benchCore(seconds, repeats), values.json);
  }
}

function benchCore(seconds: number, repeats: number): Case[] {
  const runs = new Map<number, CoreFigures[]>(IN_FLIGHT.map((inFlight) => [inFlight, []]));
  for (const inFlight of IN_FLIGHT) measureCore(inFlight, Math.min(seconds, 0.5));
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    for (const [inFlight, figures] of runs) {
      process.stderr.write(`\rcore: repeat ${repeat} of ${repeats}, ${inFlight} in flight   `);
      figures.push(measureCore(inFlight, seconds));
    }
  }
  process.stderr.write(`\r${" ".repeat(60)}\r`);
  return [...runs].map(([inFlight, figures]) => ({
    inFlight,
    proposalsPerSecond: spread(figures.map((run) => run.proposals / run.seconds)),
    messagesPerProposal: spread(figures.map((run) => run.messages / run.proposals)),
  }));
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

function report(cases: readonly Case[], asJson: boolean): void {
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    load1: loadavg()[0],
  };
  if (asJson) {
    process.stdout.write(`${JSON.stringify({ part: "core", machine, cases })}\n`);
    return;
  }
  process.stdout.write(`core: three cores, one thread, 256-byte proposals (${machine.cpu}, Node ${machine.node})\n`);
  process.stdout.write("in flight   proposals/s: median (lowest … highest)   messages/proposal\n");
  for (const { inFlight, proposalsPerSecond: rate, messagesPerProposal } of cases) {
    const [median, lowest, highest] = [rate.median, rate.lowest, rate.highest].map((value) =>
      Math.round(value).toLocaleString("en"),
    );
    process.stdout.write(
      `${String(inFlight).padStart(9)}   ${`${median} (${lowest} … ${highest})`.padEnd(42)}   ${messagesPerProposal.median.toFixed(3)}\n`,
    );
  }
}

main();
