/** Real servers that nobody wants anything of: what they cost, and how soon they find out that their leader is dead. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as passing } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import { afterEach, expect, it } from "vitest";
import type { Report, Task } from "./at-rest-server.js";

const PROGRAM = fileURLToPath(new URL("./at-rest-server.ts", import.meta.url));
const NAMES = ["n1", "n2", "n3"] as const;

const children: ChildProcess[] = [];
let directory = "";

afterEach(async () => {
  const ended = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  const exits = ended.map((child) => once(child, "exit"));
  for (const child of ended) child.disconnect();
  await Promise.all(exits);
  children.length = 0;
  await rm(directory, { recursive: true, force: true });
});

async function report(child: ChildProcess): Promise<Report> {
  const answer = once(child, "message");
  child.send("report");
  const [said] = await answer;
  return said as Report;
}

function reports(from: readonly ChildProcess[] = children): Promise<Report[]> {
  return Promise.all(from.map(report));
}

/** Asks now and then, for whoever is asked is not at rest. */
async function until(isSo: (reports: readonly Report[]) => boolean, from?: readonly ChildProcess[]): Promise<Report[]> {
  for (;;) {
    const said = await reports(from);
    if (isSo(said)) return said;
    await passing(20);
  }
}

/** Three servers that have fallen quiet. */
async function atRest(electionTimeoutMs: number): Promise<Report[]> {
  directory = await mkdtemp(join(tmpdir(), "quorate-at-rest-"));
  const members: Record<string, string> = {};
  for (const name of NAMES) members[name] = `127.0.0.1:${await getPort()}`;
  for (const id of NAMES) {
    const task: Task = { id, members, directory: join(directory, id), electionTimeoutMs };
    const execArgv = ["--conditions=source", "--import", "tsx"];
    children.push(fork(PROGRAM, [JSON.stringify(task)], { execArgv, stdio: "inherit" }));
  }
  return until((said) => said.every(({ isQuiet }) => isQuiet));
}

/** Of a core. On a machine of our own it was below 0.5 %; what is measured here is in the milliseconds, and machines differ. */
const MOST_CPU_SHARE = 0.015;
const LOOK_MS = 10_000;

it("a cluster at rest costs next to nothing, and elects nobody", { timeout: 60_000 }, async () => {
  await atRest(250);
  const before = await reports();
  const start = performance.now();
  await passing(LOOK_MS);
  const after = await reports();
  const elapsedMs = performance.now() - start;
  for (const [place, { cpuMs }] of after.entries())
    expect((cpuMs - (before[place] as Report).cpuMs) / elapsedMs).toBeLessThan(MOST_CPU_SHARE);
  const places = (said: readonly Report[]) => said.map(({ role, currentTerm }) => [role, currentTerm]);
  expect(places(after)).toEqual(places(before));
});

it("a leader that is killed at rest is followed as soon as ever, for its connections end with it", {
  timeout: 60_000,
}, async () => {
  const electionTimeoutMs = 1000;
  const said = await atRest(electionTimeoutMs);
  const place = said.findIndex(({ role }) => role === "leader");
  const leader = children[place] as ChildProcess;
  const others = children.filter((child) => child !== leader);
  const killedAt = performance.now();
  leader.kill("SIGKILL");
  await until((left) => left.some(({ role }) => role === "leader"), others);
  // Without a word from the kernel it would be three election timeouts at least.
  expect(performance.now() - killedAt).toBeLessThan(2.8 * electionTimeoutMs);
});
