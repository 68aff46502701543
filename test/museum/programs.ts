/** The programs that judge a copy with a bug in it: the compiler, which must see nothing, and the simulator. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** What the simulator found. */
export interface Finding {
  readonly property: string;
  readonly oracle: string;
  readonly message: string;
  readonly seed: number;
  /** How long it took, in seconds. */
  readonly seconds: number;
  /** How many things happened until then, in the run that found it, and in the shortest that still does. */
  readonly rawEvents: number;
  readonly shrunkEvents: number;
}

/** How long a failing run is made shorter, at most. */
const SHRINK_SECONDS = 10;

/** How long after its time the simulator may still be at work. */
const GRACE_SECONDS = SHRINK_SECONDS + 110;

interface Outcome {
  /** Null if it had to be stopped. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node in `cwd`; nothing that it starts outlives `limitSeconds`. */
async function runNode(cwd: string, args: readonly string[], limitSeconds: number): Promise<Outcome> {
  const signal = AbortSignal.timeout(1000 * limitSeconds);
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const stop = (): void => void child.kill("SIGKILL");
  signal.addEventListener("abort", stop);
  process.once("exit", stop);
  try {
    const closed = once(child, "close") as Promise<[number | null]>;
    const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    return { exitCode, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", stop);
    process.off("exit", stop);
  }
}

/** What the compiler says against the packages in `folders`, or null. */
export async function compile(root: string, folders: readonly string[]): Promise<string | null> {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { exitCode, stdout } = await runNode(root, [tsc, "-b", ...folders], 120);
  return exitCode === 0 ? null : stdout.trim();
}

/** What `pnpm sim --seconds` does, in the copy at `root`. Null if it found nothing; throws if it did not run well. */
export async function explore(root: string, seconds: number): Promise<Finding | null> {
  return simulate(root, ["--seconds", String(seconds)], seconds);
}

/** What `pnpm sim --seed` does, likewise. */
export async function runSeed(root: string, seed: number): Promise<Finding | null> {
  return simulate(root, ["--seed", String(seed)], 0);
}

async function simulate(root: string, what: readonly string[], seconds: number): Promise<Finding | null> {
  const options = [...what, "--shrink-seconds", String(SHRINK_SECONDS), "--json"];
  const args = ["--conditions=source", "--import", "tsx", "test/sim/main.ts", ...options];
  const { exitCode, stdout, stderr } = await runNode(root, args, seconds + GRACE_SECONDS);
  if (exitCode === null) throw new Error(`the simulator did not end ${GRACE_SECONDS} s after its time`);
  if (exitCode === 0) return null;
  const finding = exitCode === 1 ? findingOf(stdout) : null;
  if (finding === null) throw new Error(`the simulator ended with ${exitCode}: ${complaintIn(stderr)}`);
  return finding;
}

/** Null if it is not what the simulator says when it found something. */
function findingOf(stdout: string): Finding | null {
  const found = parseObject(stdout);
  const violation = found?.["violation"];
  if (typeof violation !== "object" || violation === null) return null;
  const finding = { ...violation, ...found };
  return isFinding(finding) ? finding : null;
}

function parseObject(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function isFinding(value: object): value is Finding {
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const areTexts = ["property", "oracle", "message"].every((name) => typeof fields[name] === "string");
  const areNumbers = ["seed", "seconds", "rawEvents", "shrunkEvents"].every((name) => typeof fields[name] === "number");
  return areTexts && areNumbers;
}

/** The line that says what is wrong, among those around it. */
function complaintIn(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
}
