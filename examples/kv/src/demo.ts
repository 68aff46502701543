/**
 * `pnpm demo`: three servers as three processes, load, the death of the leader, and the proof that nothing was lost.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { printJson, printTable } from "./cli/output.js";
import { KvClient } from "./client.js";
import { DemoCluster } from "./demo/cluster.js";
import { Load } from "./demo/load.js";
import { Progress } from "./demo/progress.js";

interface Options {
  readonly json?: boolean;
  readonly clients: string;
  readonly seconds: string;
}

interface Report {
  readonly ok: boolean;
  readonly acknowledged: number;
  readonly lost: number;
  readonly unknown: number;
  readonly gapMs: number;
  readonly writesPerSecond: number;
  readonly killedLeader: string;
  readonly newLeader: string;
  readonly terms: readonly [number, number];
  readonly catchUpMs: number;
}

const LEADER_WITHIN_MS = 10_000;
const PAGE = 1000;

async function demo(options: Options): Promise<void> {
  const clients = wholeNumber("--clients", options.clients);
  const phaseMs = 1000 * wholeNumber("--seconds", options.seconds);
  const isJson = options.json === true;
  const progress = new Progress(isJson);
  progress.say("Starting three servers, each a process with its own LevelDB, every write synced to disk …");
  const cluster = await DemoCluster.start();
  const abort = (): void => void cluster.stop().finally(() => process.exit(130));
  process.once("SIGINT", abort);
  try {
    const report = await play(cluster, { clients, phaseMs, progress });
    if (isJson) printJson(report);
    else printReport(report);
    if (!report.ok) process.exitCode = 1;
  } finally {
    process.off("SIGINT", abort);
    await cluster.stop();
  }
}

async function play(
  cluster: DemoCluster,
  { clients, phaseMs, progress }: { readonly clients: number; readonly phaseMs: number; readonly progress: Progress },
): Promise<Report> {
  const first = await cluster.leader({ withinMs: LEADER_WITHIN_MS });
  progress.say(`${first.name} leads term ${first.term}. ${clients} clients write new keys through all three servers.`);
  const load = new Load(cluster.urls, clients);
  const tally = (): string =>
    `${load.acknowledged.size.toLocaleString("en")} writes acknowledged, ${Math.round(load.writesPerSecond)}/s`;
  await progress.during(tally, sleep(phaseMs));
  progress.say(`${tally()}. Now kill -9 for the leader, ${first.name}, in the middle of it.`);

  load.resetGap();
  await cluster.end(first.name, "SIGKILL");
  const second = await cluster.leader({ without: first.name, withinMs: LEADER_WITHIN_MS });
  const before = load.acknowledged.size;
  await cluster.poll(LEADER_WITHIN_MS, "no write succeeded under the new leader", async () =>
    load.acknowledged.size > before ? true : null,
  );
  progress.say(`${second.name} leads term ${second.term}. The clients go on.`);
  await progress.during(tally, sleep(phaseMs));
  await load.stop();
  const gapMs = Math.round(load.longestGap.ms);
  progress.say(`${gapMs} ms were the longest time without an acknowledged write. ${tally()} in all.`);

  const lost = await findLost(cluster, load, progress);
  const catchUpMs = await restart(cluster, first.name, load, progress);
  return {
    ok: lost === 0,
    acknowledged: load.acknowledged.size,
    lost,
    unknown: load.unknown,
    gapMs,
    writesPerSecond: Math.round(load.writesPerSecond),
    killedLeader: first.name,
    newLeader: second.name,
    terms: [first.term, second.term],
    catchUpMs,
  };
}

/** Reads everything back from each survivor, linearizably, and counts what is missing or wrong anywhere. */
async function findLost(cluster: DemoCluster, load: Load, progress: Progress): Promise<number> {
  const lost = new Set<string>();
  for (const url of cluster.runningUrls) {
    const found = await progress.during(() => `reading back from ${url}`, readAll(url, "linearizable"));
    for (const [key, value] of load.acknowledged) if (found.get(key) !== value) lost.add(key);
  }
  const size = load.acknowledged.size.toLocaleString("en");
  progress.say(`Read back all ${size} acknowledged writes, linearizably, from both survivors: ${lost.size} lost.`);
  return lost.size;
}

async function readAll(url: string, consistency: "linearizable" | "stale"): Promise<Map<string, string>> {
  const client = new KvClient({ servers: [url] });
  const found = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const page = await client.list({ limit: PAGE, cursor, consistency });
    for (const { key, value } of page.entries) found.set(key, new TextDecoder().decode(value));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

/** Starts the killed server again, and waits until its own copy has everything that was acknowledged. */
async function restart(cluster: DemoCluster, name: string, load: Load, progress: Progress): Promise<number> {
  progress.say(`Starting ${name} again, on the data that it left behind …`);
  const { commitIndex } = await new KvClient({ servers: cluster.runningUrls }).cluster();
  await cluster.startServer(name);
  const startedAt = performance.now();
  await progress.during(
    () => `${name} catches up`,
    cluster.poll(LEADER_WITHIN_MS, `${name} did not catch up`, async () => {
      const status = await cluster.statusOf(name);
      return status !== null && status.appliedIndex >= commitIndex ? status : null;
    }),
  );
  const catchUpMs = Math.round(performance.now() - startedAt);
  const copy = await readAll(cluster.urlOf(name), "stale");
  for (const [key, value] of load.acknowledged) {
    if (copy.get(key) !== value) throw new Error(`${name} caught up, but its copy lacks ${key}`);
  }
  progress.say(`${name} has caught up, ${catchUpMs} ms after it was back; its own copy is complete.`);
  return catchUpMs;
}

function printReport(report: Report): void {
  process.stdout.write("\n");
  printTable(
    ["ACKNOWLEDGED", "LOST", "UNKNOWN", "GAP", "WRITES/S"],
    [
      [
        report.acknowledged.toLocaleString("en"),
        String(report.lost),
        String(report.unknown),
        `${report.gapMs} ms`,
        report.writesPerSecond.toLocaleString("en"),
      ],
    ],
  );
  process.stdout.write(
    report.ok ? "\nNothing that was acknowledged was lost.\n" : "\nFAILED: acknowledged writes were lost.\n",
  );
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} must be a whole number from 1 up, not ${text}`);
  return value;
}

await new Command("demo")
  .description(
    "Runs a replicated key-value store as three processes, kills its leader under load, and counts what is lost.",
  )
  .option("--json", "print one JSON object to standard output, and progress to standard error")
  .option("--clients <n>", "how many clients write at the same time", "32")
  .option("--seconds <s>", "how long they write before the leader is killed, and after", "4")
  .action(async (options: Options) => {
    try {
      await demo(options);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (options.json === true) printJson({ ok: false, error: message });
      else process.stderr.write(`\nFAILED: ${message}\n`);
      process.exitCode = 1;
    }
  })
  .parseAsync();
