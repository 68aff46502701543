/** The demo as its users run it. */

import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const demo = fileURLToPath(new URL("../src/demo.ts", import.meta.url));

function run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ["--conditions=source", "--import", tsx, demo, ...args]);
}

it("kills the leader, loses nothing, and prints one JSON object", async () => {
  const { stdout } = await run("--json", "--seconds", "1", "--clients", "4");
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ ok: true, lost: 0 });
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.newLeader).not.toBe(report.killedLeader);
  expect(report.terms[1]).toBeGreaterThan(report.terms[0]);
});

it("refuses options that mean nothing, and says which", async () => {
  await expect(run("--clients", "none")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--clients"),
  });
});
