/** `quorate-kv status`: asks each server what it knows, and shows them side by side. */

import type { Command } from "commander";
import { KvError } from "../client/errors.js";
import type { ClusterStatus } from "../client/types.js";
import { examples } from "./data-commands.js";
import { EXIT } from "./exit-codes.js";
import { addClientOptions, type ClientOptions, createClient } from "./options.js";
import { printJson, printTable } from "./output.js";

interface Report {
  readonly server: string;
  readonly status: "UP" | "DOWN";
  readonly reason?: string;
  readonly message?: string;
  /** What the server said; absent when it did not answer. */
  readonly cluster?: ClusterStatus;
}

/** A server that does not answer at once is not worth the wait of a status. */
const MAX_WAIT_MS = 2000;

export function addStatusCommand(program: Command): void {
  addClientOptions(program.command("status"))
    .summary("show how every server is")
    .description("Asks each of --servers by itself, and shows what it knows. Exits with 3 if none of them is UP.")
    .addHelpText("after", examples("status --servers http://127.0.0.1:8001,http://127.0.0.1:8002", "status --json"))
    .action(onStatus);
}

async function onStatus(options: ClientOptions): Promise<void> {
  const client = createClient(options);
  const timeoutMs = Math.min(options.timeoutMs, MAX_WAIT_MS);
  const reports = await Promise.all(client.servers.map((server) => report(server, timeoutMs)));
  if (!reports.some(({ status }) => status === "UP")) process.exitCode = EXIT.unavailable;
  if (options.json) return printJson({ servers: reports });
  printTable(["SERVER", "NAME", "ROLE", "TERM", "LEADER", "COMMIT", "APPLIED", "HEALTH"], reports.map(row));
}

async function report(server: string, timeoutMs: number): Promise<Report> {
  try {
    const cluster = await createClient({ servers: [server], timeoutMs }).cluster();
    const { health } = cluster.server;
    if (health.status === "UP") return { server, status: "UP", cluster };
    return { server, status: "DOWN", reason: health.reason, message: health.message, cluster };
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    return { server, status: "DOWN", reason: "UNREACHABLE", message: error.message };
  }
}

function row({ server, status, reason, cluster }: Report): readonly string[] {
  const health = reason === undefined ? status : `${status} (${reason})`;
  if (cluster === undefined) return [server, "-", "-", "-", "-", "-", "-", health];
  const { server: self, term, leader, commitIndex, appliedIndex } = cluster;
  const leaderName = leader === null ? "-" : (leader.name ?? String(leader.id));
  return [server, self.name, self.role, String(term), leaderName, String(commitIndex), String(appliedIndex), health];
}
