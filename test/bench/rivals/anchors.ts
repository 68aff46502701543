/**
 * The folder of benchmarks of others ("anchors"), which are not part of this repository: where it is, and how its
 * programs are built and asked.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { NotCompared, type Settings } from "../frame/part.js";

export const run = promisify(execFile);

/** Beside the repository, unless `QUORATE_ANCHORS` says where. */
const BESIDE = new URL("../../../../shared/anchors/", import.meta.url);
/** Where Debian's packages of Go libraries lie. */
const GO_LIBRARIES = "/usr/share/gocode";
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/** Throws {@link NotCompared} where there is no such folder. */
export function anchorsFolder(): string {
  const folder = process.env["QUORATE_ANCHORS"] ?? fileURLToPath(BESIDE);
  if (existsSync(join(folder, "stats.go"))) return folder;
  throw new NotCompared("there is no folder of anchors: QUORATE_ANCHORS may name one");
}

/** Builds a program against Debian's packages of Go libraries, and returns where it lies. */
export async function buildGo(source: string, libraries: readonly string[], settings: Settings): Promise<string> {
  const folder = anchorsFolder();
  for (const library of libraries) {
    if (!existsSync(join(GO_LIBRARIES, "src", library))) throw new NotCompared(`the Go library ${library} is missing`);
  }
  const program = join(mkdtempSync(join(settings.directory, "go-")), "program");
  const environment = { ...process.env, GO111MODULE: "off", GOPATH: GO_LIBRARIES, GOFLAGS: "" };
  try {
    const files = ["stats.go", source].map((name) => join(folder, name));
    await run("go", ["build", "-o", program, ...files], { env: environment });
  } catch (error) {
    throw new NotCompared(`${source} could not be built: ${error instanceof Error ? error.message : String(error)}`);
  }
  return program;
}

/** Runs a program, and returns the JSON objects among the lines that it printed. */
export async function runForJson(
  program: string,
  given: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>[]> {
  const env = { ...process.env, ANCHOR_QUIET_S: "0", ...environment };
  const { stdout } = await run(program, [...given], { env, maxBuffer: MAX_OUTPUT_BYTES });
  const objects = stdout.split("\n").filter((line) => line.startsWith("{"));
  return objects.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A case of a program in Go that was measured once: each metric by its name. */
export function metricsOf(line: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  const repeats = line["reps"] as Readonly<Record<string, readonly number[]>>;
  return Object.fromEntries(Object.entries(repeats).map(([metric, values]) => [metric, values[0] ?? Number.NaN]));
}
