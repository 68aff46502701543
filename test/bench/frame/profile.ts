/**
 * CPU profiles of what is measured: V8's own, as files that Chrome's DevTools and speedscope open as flame graphs, and a
 * table of where the time went.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { number } from "./number.js";

const SAMPLE_EVERY_US = 250;
const SUFFIX = ".cpuprofile";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** For a process that is forked, and ends by itself: it leaves its profile then. */
export function profilingArguments(folder: string | null, name: string): string[] {
  if (folder === null) return [];
  const dir = `--cpu-prof-dir=${resolve(folder)}`;
  return [
    "--cpu-prof",
    dir,
    `--cpu-prof-name=${name}-${Date.now()}${SUFFIX}`,
    `--cpu-prof-interval=${SAMPLE_EVERY_US}`,
  ];
}

/** Profiles this process while `deed` is under way. */
export async function profiled<Result>(
  folder: string | null,
  name: string,
  deed: () => Promise<Result>,
): Promise<Result> {
  if (folder === null) return deed();
  mkdirSync(folder, { recursive: true });
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_EVERY_US });
  await session.post("Profiler.start");
  try {
    return await deed();
  } finally {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    writeFileSync(join(folder, `${name}-${Date.now()}${SUFFIX}`), JSON.stringify(profile));
  }
}

/** What we read of a profile. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

export interface Share {
  readonly what: string;
  readonly ms: number;
}

export interface SelfTimes {
  /** All but idleness. */
  readonly busyMs: number;
  /** Both by falling time. */
  readonly byFunction: readonly Share[];
  readonly byFile: readonly Share[];
}

/** Where a process was itself, not what it called. Files are named from the root of the repository, or by package. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: CpuProfile): SelfTimes {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  let busyMs = 0;
  for (const [place, id] of samples.entries()) {
    const { functionName, url } = frames.get(id) ?? { functionName: "", url: "" };
    if (functionName === "(idle)" || functionName === "(root)") continue;
    // A sample stands for the time until the next one.
    const ms = (timeDeltas[place + 1] ?? 0) / 1000;
    const file = fileOf(url, functionName);
    const name = url === "" ? functionName : `${functionName || "(anonymous)"} ${file}`;
    busyMs += ms;
    byFunction.set(name, (byFunction.get(name) ?? 0) + ms);
    byFile.set(file, (byFile.get(file) ?? 0) + ms);
  }
  return { busyMs, byFunction: byTime(byFunction), byFile: byTime(byFile) };
}

function byTime(times: ReadonlyMap<string, number>): Share[] {
  return [...times].map(([what, ms]) => ({ what, ms })).sort((left, right) => right.ms - left.ms);
}

function fileOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  if (url.startsWith("node:")) return url;
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return dependency ?? relative(ROOT, path).replace(/\/dist\/(.*)\.js$/, "/src/$1.ts");
}

const SHOWN = 12;
/** Whoever had less to do is left out. */
const LEAST_MS = 100;

/** What the profiles in `folder` say, a table for each process. */
export function profileReport(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  return files
    .toSorted()
    .flatMap((name) => {
      const times = selfTimes(JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile);
      return times.busyMs < LEAST_MS ? [] : [`${basename(name)}: busy for ${number(times.busyMs)} ms`, ...lines(times)];
    })
    .join("\n");
}

function lines({ busyMs, byFunction, byFile }: SelfTimes): string[] {
  const line = ({ what, ms }: Share): string => `  ${((100 * ms) / busyMs).toFixed(1).padStart(5)} %  ${what}`;
  return [
    "  itself, by file",
    ...byFile.slice(0, SHOWN).map(line),
    "  itself, by function",
    ...byFunction.slice(0, SHOWN).map(line),
  ];
}
