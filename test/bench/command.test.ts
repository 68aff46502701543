/** `pnpm bench`, as it is called: short runs of cheap parts, and rivals that are made up or missing. */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PartResult } from "./frame/result.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = ["--import", "tsx", "test/bench/main.ts"];

let folder = "";

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

async function bench(...given: string[]): Promise<Ended> {
  const env = { ...process.env, QUORATE_ANCHORS: join(folder, "anchors") };
  const options = { cwd: ROOT, env };
  return run(process.execPath, [...PROGRAM, ...given], options).then(
    ({ stdout, stderr }) => ({ stdout, stderr, code: 0 }),
    (error: Ended) => error,
  );
}

async function measured(...given: string[]): Promise<PartResult> {
  const { stdout, stderr, code } = await bench(...given, "--json", "--directory", folder);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as PartResult;
}

/** A rival that reaches exactly a millionth of a write in a second, and takes a minute for it. */
const SLOW_CEILING = `
const clients = process.argv[process.argv.indexOf("--clients") + 1].split(",").map(Number);
const same = (median) => ({ median, min: median, max: median });
const figures = { writesPerSecond: same(1e-6), p50Ms: same(6e4), p99Ms: same(6e4), leaderCores: same(1) };
for (const count of clients) console.log(JSON.stringify({ anchor: "ceiling", clients: count, ...figures }));
`;

// Servers run as they are compiled.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "quorate-bench-test-"));
  await run(process.execPath, ["node_modules/typescript/bin/tsc", "-b"], { cwd: ROOT });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("pnpm bench", () => {
  it("measures the core, and says that nobody was there to compare it with", async () => {
    const { part, rows, rivals, targets } = await measured("core", "--seconds", "0.05", "--repeats", "1", "--compare");
    expect(part).toBe("core");
    expect(rows.map(({ name }) => name)).toEqual(["1 in flight", "64 in flight", "1024 in flight"]);
    for (const { cells, repeats } of rows) {
      expect(repeats).toHaveLength(1);
      expect(cells["proposalsPerSecond"]?.median).toBeGreaterThan(1000);
      expect(cells["bytesPerProposal"]?.median).toBeGreaterThan(10);
    }
    expect(rivals).toMatchObject([{ name: "etcd-raft-core", absence: expect.stringContaining("QUORATE_ANCHORS") }]);
    expect(targets.every(({ isMet }) => isMet === null)).toBe(true);
  });

  it("measures servers in turn with a rival, profiles them, keeps the result, and leaves nothing behind", async () => {
    const anchors = join(folder, "anchors", "ceiling");
    mkdirSync(anchors, { recursive: true });
    writeFileSync(join(folder, "anchors", "stats.go"), "");
    writeFileSync(join(anchors, "package.json"), "{}");
    writeFileSync(join(anchors, "ceiling.mjs"), SLOW_CEILING);
    const kept = ["--save", join(folder, "saved"), "--profile", join(folder, "profiles")];
    const short = ["--seconds", "0.05", "--repeats", "1", "--compare"];
    const result = await measured("embedded", ...short, ...kept);
    expect(result.rows.map(({ factors }) => factors["clients"])).toEqual([1, 16, 64, 256, 1024]);
    for (const { cells } of result.rows) expect(cells["writesPerSecond"]?.median).toBeGreaterThan(1);
    expect(result.ratios.filter(({ rival }) => rival === "level-packed")).toHaveLength(4 * 5);
    expect(result.targets.map(({ isMet }) => isMet)).toEqual([true, true, true, true]);
    expect(JSON.parse(readFileSync(join(folder, "saved", "embedded.json"), "utf8"))).toEqual(result);
    const profiles = readdirSync(join(folder, "profiles"));
    expect(profiles.filter((name) => name.startsWith("n1-"))).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.startsWith("quorate-bench-"))).toEqual([]);
  });

  it("lists its parts, and refuses what it does not know", async () => {
    expect((await bench()).stdout).toMatch(/core .*\n(.*\n)*.*embedded .*\n(.*\n)*.*all /);
    const refused = [["nonsense"], ["core", "--seconds", "0"], ["core", "--entries", "1"]];
    const ended = await Promise.all(refused.map((given) => bench(...given)));
    expect(ended.map(({ code }) => code)).toEqual([2, 2, 2]);
  });
});
