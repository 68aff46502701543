import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../src/command/main.ts", import.meta.url));

const good = '{"process":1,"type":"invoke","f":"write","value":0}\n{"process":1,"type":"ok","f":"write","value":0}\n';
const bad = `${good}{"process":2,"type":"invoke","f":"read"}\n{"process":2,"type":"ok","f":"read","value":5}\n`;

describe("the command", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "quorate-linearizability-"));
    writeFileSync(join(folder, "good.jsonl"), good);
    writeFileSync(join(folder, "bad.jsonl"), bad);
    // Compressed or not: the content tells, and not the name.
    writeFileSync(join(folder, "compressed.jsonl"), gzipSync(bad));
    writeFileSync(join(folder, "plain.jsonl.gz"), good);
    writeFileSync(
      join(folder, "listed.jsonl"),
      '{"process":2,"type":"invoke","f":"read"}\n{"process":2,"type":"ok","f":"read","value":5}\n',
    );
    writeFileSync(join(folder, "manifest.json"), '[{"file": "listed.jsonl", "model": "cas-register", "init": 5}]');
    writeFileSync(join(folder, "strange.jsonl"), good.replaceAll("write", "push"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function run(...args: string[]) {
    const start = ["--conditions=source", "--import", import.meta.resolve("tsx"), MAIN];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...start, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    const lines = stdout.split("\n").filter((line) => line !== "");
    return { status, stdout, stderr, lines };
  }

  it("prints one JSON line for each history, and exits with 1 if one is not linearizable", () => {
    const { status, stderr, lines } = run(
      "check",
      "good.jsonl",
      "bad.jsonl",
      "compressed.jsonl",
      "plain.jsonl.gz",
      "listed.jsonl",
    );
    const verdicts = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(verdicts.map(({ file, verdict, model }) => [file, verdict, model])).toEqual([
      ["good.jsonl", "linearizable", "register"],
      ["bad.jsonl", "not-linearizable", "register"],
      ["compressed.jsonl", "not-linearizable", "register"],
      ["plain.jsonl.gz", "linearizable", "register"],
      ["listed.jsonl", "linearizable", "cas-register"],
    ]);
    for (const line of lines) expect(line).toMatch(/^\{"file":"[^"]+","verdict":"[a-z-]+","ms":[\d.]+[,}]/);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  });

  it("exits with 0 if all are linearizable", () => {
    expect(run("check", "good.jsonl").status).toBe(0);
    expect(run("check", "bad.jsonl", "--init", "5").lines[0]).toContain('"not-linearizable"');
    expect(run("check", "listed.jsonl", "--model", "register", "--init", "6").status).toBe(1);
  });

  it("says what it cannot read, exits with 2, and still checks the others", () => {
    const { status, stderr, lines } = run("check", "missing.jsonl", "strange.jsonl", "manifest.json", "bad.jsonl");
    expect(status).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"bad.jsonl"');
    expect(stderr).toMatch(/missing\.jsonl: ENOENT/);
    expect(stderr).toMatch(/strange\.jsonl: no model has all of the operations push: .*--model/);
    expect(stderr).toMatch(/manifest\.json: line 1: is not an object/);
  });

  it("answers unknown when a limit is reached", () => {
    const adds = Array.from({ length: 30 }, (_, process) =>
      JSON.stringify({ process, type: "invoke", f: "add", value: 2 ** process }),
    );
    const read = ['{"process":99,"type":"invoke","f":"read"}', '{"process":99,"type":"ok","f":"read","value":0.5}'];
    writeFileSync(join(folder, "hard.jsonl"), [...adds, ...read].join("\n"));
    const { status, lines } = run("check", "hard.jsonl", "--time-limit-ms", "50");
    expect(JSON.parse(lines[0] as string)).toMatchObject({ verdict: "unknown", limit: "time" });
    expect(status).toBe(0);
    expect(run("check", "hard.jsonl", "--memory-limit-mb", "1").lines[0]).toContain('"limit":"memory"');
  });

  it("draws the first failure", () => {
    const { stderr } = run("check", "good.jsonl", "bad.jsonl", "--html", "picture.html");
    expect(stderr).toBe("");
    const page = readFileSync(join(folder, "picture.html"), "utf8");
    expect(page).toContain("<h1>bad.jsonl is not linearizable</h1>");
    expect(run("check", "good.jsonl", "--html", "none.html").stderr).toContain("there is no failure to draw");
  });

  it("helps, with examples; and exits with 2 if it is used wrongly", () => {
    const help = run("check", "--help");
    expect(help.status).toBe(0);
    expect(help.stdout).toMatch(/Examples:[\s\S]*check history\.jsonl --model cas-register --init 0/);
    for (const wrong of [
      [],
      ["check"],
      ["check", "--model", "queue", "good.jsonl"],
      ["check", "--init", "{", "good.jsonl"],
    ]) {
      const { status, stdout, stderr } = run(...wrong);
      expect({ wrong, status, stdout }).toEqual({ wrong, status: 2, stdout: "" });
      expect(stderr).not.toBe("");
    }
  });
});
