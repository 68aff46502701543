import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "./command.js";
import type { FarmOptions } from "./farm.js";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const BROKEN: FarmOptions = { program: new URL("broken-runner.ts", import.meta.url), processes: 2, patienceSeconds: 2 };

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quorate-sim-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(...args: string[]) {
  const node = ["--conditions=source", "--import", import.meta.resolve("tsx"), MAIN, ...args];
  return spawn(process.execPath, node, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

async function sim(...args: string[]) {
  const child = start(...args);
  const closed = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { stdout, stderr, exitCode };
}

/** The command with a simulator of the tests, in this process. */
async function simWith(farm: FarmOptions, ...args: string[]) {
  const written = { stdout: "", stderr: "" };
  const capture = (name: "stdout" | "stderr") =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    });
  const [out, err] = [capture("stdout"), capture("stderr")];
  try {
    const exitCode = await run([...args, "--out", folder], farm);
    return { exitCode, ...written };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

const broken = (...args: string[]) => simWith(BROKEN, ...args);

describe("pnpm sim", () => {
  it("explores so many seeds, and says what they came to", async () => {
    const { stdout, exitCode } = await sim("--first-seed", "1", "--seeds", "12");
    expect(stdout).toContain("12 runs in ");
    expect(stdout).toMatch(/from seed 1 on: cores \d+, servers \d+/);
    expect(stdout).toMatch(/Situations reached \(\d+ of \d+\)/);
    expect(exitCode).toBe(0);
  });

  it("prints one JSON object, and nothing else, with --json", async () => {
    const { stdout, stderr, exitCode } = await sim("--seconds", "1", "--json");
    expect(stdout.trimEnd()).not.toContain("\n");
    expect(JSON.parse(stdout)).toMatchObject({
      violation: null,
      seeds: expect.any(Number),
      seconds: expect.any(Number),
    });
    expect([stderr, exitCode]).toEqual(["", 0]);
  });

  it("runs one seed, with everything that happens in it if asked to", async () => {
    const [plain, traced] = await Promise.all([sim("--seed", "2"), sim("--seed", "2", "--trace")]);
    expect(plain.stdout).toContain("✓ Nothing broke with seed 2");
    expect(plain.stdout).toMatch(/^parameters {2}servers \d/m);
    expect(traced.stdout).toContain("what happened");
    expect(traced.stdout).toContain("n1 becomes follower (term 1)");
    expect([plain.exitCode, traced.exitCode]).toEqual([0, 0]);
  });

  it("finds every run the same the second time", async () => {
    const { stdout, exitCode } = await sim("--check-determinism", "--first-seed", "1", "--seeds", "6");
    expect(stdout).toContain("12 runs in ");
    expect(exitCode).toBe(0);
  });

  it("ends with the totals on Ctrl-C", async () => {
    const child = start("--first-seed", "1");
    await once(child.stderr, "data");
    child.kill("SIGINT");
    const closed = once(child, "close") as Promise<[number | null]>;
    const [stdout, [exitCode]] = await Promise.all([text(child.stdout), closed]);
    expect(stdout).toMatch(/^\d+ runs in [\d.]+ s from seed 1 on/);
    expect(exitCode).toBe(0);
  });

  it("shows how it is used, and refuses what it does not know", async () => {
    const help = await simWith({}, "--help");
    expect(help.stdout).toContain("pnpm sim --seed 17");
    expect(help.exitCode).toBe(0);
    for (const args of [
      ["--seed", "x"],
      ["--seed", "1", "--seeds", "2"],
      ["--seconds", "0"],
      ["nonsense"],
      ["--nonsense"],
    ]) {
      expect((await simWith({}, ...args)).exitCode, args.join(" ")).toBe(2);
    }
  });
});

describe("pnpm sim, when something breaks", () => {
  it("makes the run short, tells its story, keeps it in a file, and replays that", async () => {
    const { stdout, exitCode } = await broken("--first-seed", "0", "--seeds", "3");
    expect(stdout).toContain("✗ Made up is broken, with seed 2");
    expect(stdout).toContain("40 events, of which 2 are enough");
    expect(exitCode).toBe(1);
    const file = join(folder, "quorate-sim-2.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      seed: 2,
      raw: { events: 40 },
      shrunk: { events: 2, script: { actions: ["act 7", "act 30"] } },
    });
    const again = await broken("--file", file);
    expect(again.stdout).toContain("✗ Made up is broken, with seed 2");
    expect(again.stdout).toContain("n1 x act 7");
    expect(again.exitCode).toBe(1);
  });

  it("says the same as one JSON object", async () => {
    const { stdout, exitCode } = await broken("--seed", "2", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      violation: { property: "Made up", oracle: "broken/made-up", message: "All is well. It was. It is not." },
      seed: 2,
      rawEvents: 40,
      shrunkEvents: 2,
      seconds: expect.any(Number),
      file: join(folder, "quorate-sim-2.json"),
    });
    expect(exitCode).toBe(1);
  });

  it("reports the first seed that fails, whichever was faster", async () => {
    // Seed 4 takes two seconds to be given up; 5 fails at once.
    const { stdout, exitCode } = await broken("--first-seed", "4", "--seeds", "2", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ violation: { property: "Termination" }, seed: 4 });
    expect(exitCode).toBe(1);
  });

  it.each([
    [3, "No crash", "the simulator threw"],
    [4, "Termination", "Nothing more was heard of it"],
    [5, "No crash", "exit code 9"],
    [6, "No crash", "nobody looked"],
  ])("survives seed %i: %s", async (seed, property, message) => {
    const { stdout, exitCode } = await broken("--first-seed", String(seed), "--seconds", "20", "--json");
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ violation: { property }, seed, rawEvents: 0, shrunkEvents: 0 });
    expect(found.violation.message).toContain(message);
    expect(exitCode).toBe(1);
    const { stdout: story } = await broken("--seed", String(seed));
    expect(story).toContain(`✗ ${property} is broken, with seed ${seed}`);
    expect(story).toContain(message);
  });

  it("F13: finds a run that is not the same twice", async () => {
    const { stdout, exitCode } = await broken("--check-determinism", "--seed", "7");
    expect(stdout).toContain("✗ Determinism is broken, with seed 7");
    expect(exitCode).toBe(1);
  });

  it("goes on to the next seed where nothing breaks", async () => {
    const { stdout, exitCode } = await broken("--first-seed", "8", "--seeds", "30", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ violation: null, seeds: 30, situations: { "a leader fell asleep": 0 } });
    expect(exitCode).toBe(0);
  });

  it("says why, and ends with 2, if the simulator does not load or a file is not one of ours", async () => {
    const none = await simWith({ ...BROKEN, program: new URL("no-runner.ts", import.meta.url) }, "--seed", "1");
    expect(none.stderr).toContain("The simulator does not start");
    expect(none.stderr).toContain("this does not load");
    const missing = await broken("--file", join(folder, "none.json"));
    expect(missing.stderr).toContain("ENOENT");
    const strange = await broken("--file", fileURLToPath(new URL("../package.json", import.meta.url)));
    expect(strange.stderr).toContain("this is no run of version 1");
    expect([none.exitCode, missing.exitCode, strange.exitCode]).toEqual([2, 2, 2]);
    expect(existsSync(join(folder, "none.json"))).toBe(false);
  });
});
