/** A server in a process of its own, which nobody wants anything of: says what it knows when it is asked. */

import { openNode } from "quorate";

export interface Task {
  readonly id: string;
  readonly members: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly electionTimeoutMs: number;
}

export interface Report {
  readonly role: string;
  readonly currentTerm: number;
  readonly isQuiet: boolean;
  /** What this process has used of a CPU so far. */
  readonly cpuMs: number;
}

const task = JSON.parse(process.argv[2] as string) as Task;
const heartbeatIntervalMs = task.electionTimeoutMs / 5;
const node = await openNode({ ...task, heartbeatIntervalMs, stateMachine: { apply: () => 0 } });

process.on("message", () => {
  const { role, currentTerm, isQuiet } = node.status();
  const { user, system } = process.cpuUsage();
  const report: Report = { role, currentTerm, isQuiet, cpuMs: (user + system) / 1000 };
  process.send?.(report);
});
process.on("disconnect", () => void node.close().then(() => process.exit()));
