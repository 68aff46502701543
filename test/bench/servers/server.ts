/** A server under measurement, in a process of its own: does what its parent asks of it, and tells what came of it. */

import { randomBytes } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { openNode } from "quorate";
import { Load } from "./load.js";
import type { Answers, Notice, Order, Request, ServerStatus, ServerTask, ServerUsage } from "./protocol.js";
import { Slots, slotCodec } from "./slots.js";

const { id, members, directory, stateMiB, commandBytes, tuning } = JSON.parse(process.argv[2] ?? "{}") as ServerTask;

/** However long it takes to get there. */
const READ_TIMEOUT_MS = 600_000;

function tell(notice: Notice): void {
  process.send?.(notice);
}

const startedAt = performance.now();
const node = await openNode<Uint8Array, number>({
  ...tuning,
  id,
  members,
  directory,
  stateMachine: new Slots(stateMiB * 2 ** 20, commandBytes),
  codec: slotCodec,
});
const sinceStartMs = (): number => performance.now() - startedAt;
tell({ kind: "open", atMs: sinceStartMs() });
const tellRole = (): void => {
  const { role, leaderName } = node.status();
  tell({ kind: "role", role, leaderName, atMs: sinceStartMs() });
};
node.subscribe("role", tellRole);
node.subscribe("leader", tellRole);

/** Commands are cut from here, at another place each: of what repeats itself, LevelDB's compression would make little. */
const chance = randomBytes(2 ** 20 + commandBytes);
let place = 0;

function nextCommand(): Uint8Array {
  place = (place + 4093) % 2 ** 20;
  return chance.subarray(place, place + commandBytes);
}

const load = new Load(() => node.propose(nextCommand()));
const delay = monitorEventLoopDelay({ resolution: 5 });

function usage(): ServerUsage {
  const { user, system } = process.cpuUsage();
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  return { rssMiB, highestRssMiB: process.resourceUsage().maxRSS / 2 ** 10, cpuSeconds: (user + system) / 1e6 };
}

function status(): ServerStatus {
  const { role, currentTerm: term, commitIndex, appliedIndex } = node.status();
  delay.enable();
  const loopDelayMs = delay.max / 1e6;
  delay.reset();
  return { role, term, commitIndex, appliedIndex, loopDelayMs, ...usage() };
}

async function obey(order: Order): Promise<Answers[keyof Answers]> {
  if (order.kind === "load") return load.run(order);
  if (order.kind === "status") return status();
  if (order.kind === "usage") return usage();
  if (order.kind === "read") return node.read(sinceStartMs, { timeoutMs: READ_TIMEOUT_MS });
  if (order.kind === "stop") load.stop();
  if (order.kind === "snapshot") await node.snapshot();
  return null;
}

async function close(): Promise<void> {
  delay.disable();
  await node.close();
  if (process.connected) process.disconnect();
}

process.on("message", (request: Request) => {
  if ("close" in request) return void close();
  const { call, order } = request;
  obey(order).then(
    (answer) => tell({ kind: "answer", call, answer }),
    (error: unknown) => tell({ kind: "failure", call, message: String(error) }),
  );
});
// Whoever started this is gone.
process.once("disconnect", () => process.exit());
