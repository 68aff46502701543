/** What is made of a failure: the shortest run that still fails, its story, and a file that holds both. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import {
  type Minimized,
  type MinimizeProgress,
  minimize,
  type RunReport,
  type TraceEvent,
  tellStory,
  toRunFile,
} from "@quorate/simulator";
import type { Failure } from "./exploration.js";
import type { Answer, Farm } from "./farm.js";

/** A run that is made shorter and then does not end is of no use; nobody waits long for it. */
const MIN_PATIENCE_SECONDS = 2;

export interface ExplainOptions {
  readonly budgetSeconds: number;
  /** Where the file goes; created if it is not there. */
  readonly folder: string;
  readonly width: number;
  readonly isColoured: boolean;
  readonly onProgress?: (progress: MinimizeProgress) => void;
}

export interface Explained {
  readonly failure: Failure;
  /** Null if there is no report to make shorter. */
  readonly minimized: Minimized | null;
  /** Null if there is no run to keep, or it could not be written; then the story says why. */
  readonly file: string | null;
  readonly story: string;
}

export async function explain(farm: Farm, failure: Failure, options: ExplainOptions): Promise<Explained> {
  const { seed, report } = failure;
  if (report === null) return { failure, minimized: null, file: null, story: await tellWithoutRun(farm, failure) };
  const minimized = await shorten(farm, report, options);
  const { file, complaint } = save(seed, minimized, options.folder);
  const commands: [string, string][] = [[`pnpm sim --seed ${seed}`, "the whole run"]];
  if (file !== null) commands.push([`pnpm sim --file ${relative(process.cwd(), file)}`, "the short one"]);
  const { width, isColoured } = options;
  const story = tellStory(minimized.report, { commands, width, isColoured, rawEvents: minimized.raw.events });
  const notes = [complaint, noteOn(minimized)].filter((note) => note !== null);
  return { failure, minimized, file, story: [story, ...notes].join("\n") };
}

async function shorten(farm: Farm, report: RunReport, options: ExplainOptions): Promise<Minimized> {
  let patienceSeconds: number | undefined;
  return minimize(report, {
    replay: async (script, isTraced) => {
      const startMs = performance.now();
      const answer = await farm.run({ kind: "replay", script, isTraced }, patienceSeconds);
      patienceSeconds ??= MIN_PATIENCE_SECONDS + (4 * (performance.now() - startMs)) / 1000;
      return reportOf(answer);
    },
    budgetMs: options.budgetSeconds * 1000,
    now: () => performance.now(),
    concurrency: farm.processes,
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
}

function reportOf(answer: Answer): RunReport | null {
  return answer.kind === "report" ? answer.report : null;
}

function save(seed: number, minimized: Minimized, folder: string): { file: string | null; complaint: string | null } {
  const file = join(folder, `quorate-sim-${seed}.json`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(toRunFile(minimized)));
    return { file, complaint: null };
  } catch (error) {
    return { file: null, complaint: `${file} could not be written: ${String(error)}` };
  }
}

function noteOn({ isReproduced, isMinimal }: Minimized): string | null {
  if (!isReproduced) return "Run again, it did not fail in this way: something in it is not deterministic.\n";
  return isMinimal ? null : "The time for making it shorter ran out; --shrink-seconds gives it more.\n";
}

/** For what left no run behind that could be told. */
async function tellWithoutRun(farm: Farm, { seed, violation }: Failure): Promise<string> {
  const { property, statement, oracle, facts } = violation;
  return `✗ ${property} is broken, with seed ${seed}

  ${statement}

And yet:
  1▶ ${facts[0]}
  2▶ ${facts[1]}

found by    ${oracle}
see again   pnpm sim --seed ${seed}${property === "Determinism" ? " --check-determinism" : ""}

${await moreOn(farm, seed, property)}
`;
}

async function moreOn(farm: Farm, seed: number, property: string): Promise<string> {
  if (property === "Determinism") return firstDifference(farm, seed);
  if (property !== "No crash") return "To see where it is, run it under a debugger and pause it.";
  const again = await farm.run({ kind: "explore", seed });
  if (again.kind === "crashed") return "It crashes by itself, too: what ran before it plays no part.";
  return "Run by itself it does not crash. Something may be left over from the seeds right before it.";
}

/** Two runs of the same seed go the same way up to here. */
async function firstDifference(farm: Farm, seed: number): Promise<string> {
  const first = await farm.run({ kind: "explore", seed });
  if (first.kind !== "report") return "Run once more, it did not come to an end.";
  const { script } = first.report;
  const runs = [1, 2].map(() => farm.run({ kind: "replay", script, isTraced: true }));
  const [one, other] = (await Promise.all(runs)).map((answer) => reportOf(answer)?.trace ?? []);
  const tell = (event: TraceEvent | undefined): string =>
    event === undefined ? "nothing more" : `${event.atMs} ms: ${event.where} ${event.kind} ${event.text}`;
  const length = Math.max(one?.length ?? 0, other?.length ?? 0);
  for (let place = 0; place < length; place += 1) {
    const [left, right] = [tell(one?.[place]), tell(other?.[place])];
    if (left !== right) return `They part at event ${place + 1}:\n  ${left}\n  ${right}`;
  }
  return "Two more runs, whose traces were compared, were the same.";
}
