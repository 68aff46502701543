/** etcd: three members with their defaults, loaded through Go's clientv3, measured as we measure the key-value store. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { NotCompared, type Rival, type Row, type Run, type Settings, type Turn } from "../frame/part.js";
import { gapFigures } from "../kv/calls.js";
import { buildGo, metricsOf, runForJson } from "./anchors.js";
import { readRow, writeRow } from "./etcd-rows.js";

const LIBRARIES = ["go.etcd.io/etcd/clientv3", "go.uber.org/zap"];
const NAME = "etcd";
const SUMMARY = "etcd, three members with their defaults on the same disk, loaded through Go's clientv3";

/** The rows of ours that one of its cases is held against. */
type RowsOf = (operation: string, whom: string, callers: number) => readonly Row[];

export const etcdKv = loaded((operation, whom, callers) => {
  if (operation !== "put" || whom !== "leader") return [];
  return [writeRow(callers), writeRow(callers, "http")];
});

/** Each of its reads where it is fastest: at the leader. */
export const etcdReads = loaded((operation, whom, callers) => {
  if (whom !== "leader") return [];
  if (operation === "lin") return [readRow("linearizable", callers), readRow("lease", callers)];
  return operation === "ser" ? [readRow("stale", callers)] : [];
});

function loaded(rowsOf: RowsOf): Rival {
  return {
    name: NAME,
    summary: SUMMARY,
    open: async (settings) => {
      const program = await build(settings);
      const repeat = async (turn: Turn): Promise<void> => {
        turn.say("all of its loads");
        const given = ["-dir", settings.directory, "-secs", String(turn.seconds), "-reps", "1", "-kills", "0"];
        for (const line of await runForJson(program, given)) recordLoad(turn, rowsOf, line);
      };
      return { repeat, close: async () => undefined };
    },
  };
}

async function build(settings: Settings): Promise<string> {
  await promisify(execFile)("etcd", ["--version"]).catch(() => {
    throw new NotCompared("etcd is not installed");
  });
  return buildGo("etcd_cluster.go", LIBRARIES, settings);
}

/** Cases are called `put leader C=64`. */
function recordLoad(turn: Turn, rowsOf: RowsOf, line: Readonly<Record<string, unknown>>): void {
  const [, operation, whom, callers] = /^(put|lin|ser) (leader|all) C=(\d+)$/.exec(String(line["case"])) ?? [];
  if (operation === undefined || whom === undefined) return;
  const metrics = metricsOf(line);
  const metric = (name: string): number => metrics[name] ?? Number.NaN;
  const values = {
    callsPerSecond: metric("ops/s"),
    p50Ms: metric("p50_ms"),
    p99Ms: metric("p99_ms"),
    maxMs: metric("max_ms"),
    errors: metric("errors"),
    perCpuSecond: metric("ops/etcd_cpu_s"),
    loadCores: metric("client_cores"),
  };
  const usage = { seconds: turn.seconds, ownCpuSeconds: null, foreignCores: metric("foreign_cores"), watched: null };
  for (const row of rowsOf(operation, whom, Number(callers))) turn.record(row, { values }, usage);
}

/** The death of its leader, with its own defaults and with the Raft paper's times. */
export const etcdFailover: Rival = {
  name: NAME,
  summary: `${SUMMARY}; then with an election timeout of 150 ms`,
  open: async (settings): Promise<Run> => {
    const program = await build(settings);
    const kills = settings.numbers["kills"] ?? 1;
    const repeat = async (turn: Turn): Promise<void> => {
      turn.say(`${2 * kills} kills of its leader`);
      const given = ["-dir", settings.directory, "-reps", "0", "-kills", String(kills)];
      for (const line of await runForJson(program, given)) recordKills(turn, line);
    };
    return { repeat, close: async () => undefined };
  },
};

const KILL_ROWS: Readonly<Record<string, string>> = {
  "1000": "leader killed",
  "150": "leader killed, election timeout 150 ms",
};

function recordKills(turn: Turn, line: Readonly<Record<string, unknown>>): void {
  const [, timeoutMs = ""] = /^kill -9 leader, election timeout (\d+) ms$/.exec(String(line["case"])) ?? [];
  const name = KILL_ROWS[timeoutMs];
  if (name === undefined) return;
  const { gap_ms: gaps = [], failed_puts: failed = [] } = line["reps"] as Readonly<Record<string, readonly number[]>>;
  const values = {
    kills: gaps.length,
    ...gapFigures(gaps),
    failedWrites: failed.reduce((sum, each) => sum + each, 0),
  };
  turn.record(
    { name, factors: {} },
    { values },
    { seconds: 0, ownCpuSeconds: null, foreignCores: null, watched: null },
  );
}
