import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { NotCompared, type Settings } from "../frame/part.js";
import { anchorsFolder, buildGo, metricsOf, runForJson } from "./anchors.js";

const folder = mkdtempSync(join(tmpdir(), "quorate-anchors-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const SETTINGS: Settings = {
  seconds: 1,
  repeats: 1,
  isQuick: false,
  numbers: {},
  directory: folder,
  profiles: null,
};

it("says that there is no folder of anchors, where there is none", async () => {
  vi.stubEnv("QUORATE_ANCHORS", join(folder, "nowhere"));
  expect(anchorsFolder).toThrow(NotCompared);
  await expect(buildGo("etcd_raft_core.go", [], SETTINGS)).rejects.toThrow("QUORATE_ANCHORS");
});

it("takes the JSON objects among what a program prints, and their metrics", async () => {
  const line = '{"anchor":"x","case":"1 in flight","reps":{"proposals/s":[12.5],"foreign_cores":[0]}}';
  const program = `console.log("a table"); console.log('${line}');`;
  const [found = {}, ...more] = await runForJson(process.execPath, ["-e", program]);
  expect(more).toEqual([]);
  expect(found["case"]).toBe("1 in flight");
  expect(metricsOf(found)).toEqual({ "proposals/s": 12.5, foreign_cores: 0 });
});
