/**
 * CPU profiles of what is measured: V8's own, as files that Chrome's DevTools and speedscope open as flame graphs, and a
 * table of where the time went.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { number } from "./number.js";

const SAMPLE_EVERY_US = 250;
const SUFFIX = ".cpuprofile";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** For a process that is forked, and ends by itself: it leaves its profile then. Works once `tsc -b` has run. */
export function profilingArguments(folder: string | null, name: string): string[] {
  if (folder === null) return [];
  mkdirSync(folder, { recursive: true });
  const hook = new URL("../dist/frame/profile-process.js", import.meta.url);
  hook.searchParams.set("us", String(SAMPLE_EVERY_US));
  hook.searchParams.set("file", fileFor(folder, name));
  return ["--import", hook.href];
}

function fileFor(folder: string, name: string): string {
  return resolve(folder, `${name}-${Date.now()}${SUFFIX}`);
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
    writeFileSync(fileFor(folder, name), JSON.stringify(profile));
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
  /** Each by falling time. */
  readonly byFunction: readonly Share[];
  readonly byFile: readonly Share[];
  readonly byPackage: readonly Share[];
}

/** Where a process was itself, not what it called. Files are named from the root of the repository, or by package. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: CpuProfile): SelfTimes {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  const byPackage = new Map<string, number>();
  let busyMs = 0;
  for (const [place, id] of samples.entries()) {
    const { functionName, url } = frames.get(id) ?? { functionName: "", url: "" };
    if (functionName === "(idle)" || functionName === "(root)") continue;
    // A sample stands for the time until the next one.
    const ms = (timeDeltas[place + 1] ?? 0) / 1000;
    const file = fileOf(url, functionName);
    const name = url === "" ? functionName : `${functionName || "(anonymous)"} ${file}`;
    busyMs += ms;
    add(byFunction, name, ms);
    add(byFile, file, ms);
    add(byPackage, packageOf(file), ms);
  }
  return { busyMs, byFunction: byTime(byFunction), byFile: byTime(byFile), byPackage: byTime(byPackage) };
}

function add(times: Map<string, number>, what: string, ms: number): void {
  times.set(what, (times.get(what) ?? 0) + ms);
}

function byTime(times: ReadonlyMap<string, number>): Share[] {
  return [...times].map(([what, ms]) => ({ what, ms })).sort((left, right) => right.ms - left.ms);
}

function fileOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  if (url.startsWith("node:")) return url;
  const path = url.startsWith("file:") ? fileURLToPath(url) : url;
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return dependency ?? sourceOf(relative(ROOT, path));
}

/** What a compiled file was made of. */
function sourceOf(path: string): string {
  return path.replace(/^test\/bench\/dist\/(.*)\.js$/, "test/bench/$1.ts").replace(/\/dist\/(.*)\.js$/, "/src/$1.ts");
}

/** What a file belongs to: one of our packages, a dependency, Node. */
function packageOf(file: string): string {
  if (file.startsWith("node:")) return "node";
  return /^(?:packages|examples|test)\/[^/]+/.exec(file)?.[0] ?? file;
}

const SHOWN = 12;
/** Of what the busiest had to do: whoever had less is left out. */
const LEAST = 0.1;

/** What the profiles in `folder` say, a table for each process. */
export function profileReport(folder: string): string {
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  const all = names.toSorted().map((name) => {
    return { name, times: selfTimes(JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile) };
  });
  const most = Math.max(0, ...all.map(({ times }) => times.busyMs));
  const told = all.filter(({ times }) => times.busyMs >= LEAST * most);
  return told
    .flatMap(({ name, times }) => [`${name}: busy for ${number(times.busyMs)} ms`, ...lines(times)])
    .join("\n");
}

function lines({ busyMs, byFunction, byFile, byPackage }: SelfTimes): string[] {
  const line = ({ what, ms }: Share): string => `  ${((100 * ms) / busyMs).toFixed(1).padStart(5)} %  ${what}`;
  return [
    "  itself, by package",
    ...byPackage.slice(0, SHOWN).map(line),
    "  itself, by file",
    ...byFile.slice(0, SHOWN).map(line),
    "  itself, by function",
    ...byFunction.slice(0, SHOWN).map(line),
  ];
}
