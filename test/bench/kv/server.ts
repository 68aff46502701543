/**
 * A server of the key-value store under load, in a process of its own: what `quorate-kv serve` starts, with its defaults,
 * and an ear for the bench.
 */

import { readFileSync } from "node:fs";
import { startServer } from "quorate-kv";
import type { KvNotice, KvOrder, KvRequest, KvStatus, KvTask } from "./protocol.js";

const task = JSON.parse(process.argv[2] ?? "{}") as KvTask;
const server = await startServer({ ...task, onError: (error) => process.stderr.write(`${task.id}: ${error}\n`) });

function tell(notice: KvNotice): void {
  process.send?.(notice);
}

function status(): KvStatus {
  const { role, currentTerm: term, leaderName, appliedIndex, lastIndex } = server.node.status();
  return { role, term, leaderName, appliedIndex, lastIndex, diskBytes: diskBytes() };
}

/** Linux counts them for each process. */
function diskBytes(): number | null {
  try {
    const [, bytes] = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1")) ?? [];
    return bytes === undefined ? null : Number(bytes);
  } catch {
    return null;
  }
}

function obey(order: KvOrder): void {
  if (order.kind !== "stall") return;
  const until = performance.now() + order.timeMs;
  while (performance.now() < until);
}

async function close(): Promise<void> {
  await server.close();
  if (process.connected) process.disconnect();
}

process.on("message", (request: KvRequest) => {
  if ("close" in request) return void close();
  obey(request.order);
  tell({ kind: "answer", call: request.call, status: status() });
});
// Whoever started this is gone.
process.once("disconnect", () => process.exit());
tell({ kind: "listening", url: server.httpUrl });
