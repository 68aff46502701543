/**
 * Histories with known verdicts, with a `manifest.json`, in the folder that QUORATE_HISTORIES names, or else in
 * `shared/histories` beside the repository. They are not part of the repository: without them these tests are skipped,
 * and say so.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readHistory } from "../src/command/files.js";
import { check, explain, inferInit, inferModel, type ModelName, modelNamed } from "../src/index.js";

const folder =
  process.env["QUORATE_HISTORIES"] ?? fileURLToPath(new URL("../../../../shared/histories", import.meta.url));

interface Entry {
  readonly file: string;
  readonly model: ModelName;
  readonly init: unknown;
  readonly valid: boolean;
}

const manifest = `${folder}/manifest.json`;
const entries = existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as Entry[]) : [];
const note = entries.length === 0 ? ` (skipped: there is no manifest.json in ${folder}; set QUORATE_HISTORIES)` : "";

describe.skipIf(entries.length === 0)(`histories with known verdicts${note}`, () => {
  it("hold both verdicts", () => {
    expect(new Set(entries.map(({ valid }) => valid))).toEqual(new Set([true, false]));
  });

  it.each(entries)("$file: $model, valid: $valid", ({ file, model, init, valid }) => {
    const history = readHistory(`${folder}/${file}`);
    const expected = valid ? "linearizable" : "not-linearizable";
    const { verdict, failure } = check(history, modelNamed(model, init), { stepLimit: 1_000_000 });
    expect(verdict).toBe(expected);
    if (failure === null) return;
    const { calls, order, stuck } = explain(failure, modelNamed(model, init), { stepLimit: 200_000 });
    expect(order.length).toBeLessThan(calls.length);
    expect(stuck.length).toBeGreaterThan(0);
  });

  it.each(entries)("$file: the same verdict without being told the model", ({ file, valid }) => {
    const history = readHistory(`${folder}/${file}`);
    const model = inferModel(history);
    expect(model).not.toBeNull();
    if (model === null) return;
    const expected = valid ? "linearizable" : "not-linearizable";
    expect(check(history, modelNamed(model, inferInit(model, history))).verdict).toBe(expected);
  });
});
