/** `quorate-kv status`: asks each server what it knows, and shows them side by side. */

import type { Command } from "commander";
import type { ClusterStatus, ServerHealth } from "../client/types.js";
import { examples } from "./data-commands.js";
import { EXIT } from "./exit-codes.js";
import { addClientOptions, type ClientOptions, createClient } from "./options.js";
import { printJson, printTable } from "./output.js";

export function addStatusCommand(program: Command): void {
  addClientOptions(program.command("status"))
    .summary("show how every server is")
    .description("Asks each of --servers by itself, and shows what it knows. Exits with 3 if none of them is UP.")
    .addHelpText("after", examples("status --servers http://127.0.0.1:8001,http://127.0.0.1:8002", "status --json"))
    .action(onStatus);
}

async function onStatus(options: ClientOptions): Promise<void> {
  const servers = await createClient(options).health();
  if (!servers.some(({ status }) => status === "UP")) process.exitCode = EXIT.unavailable;
  if (options.json) printJson({ servers });
  else
    printTable(
      [
        "SERVER",
        "NAME",
        "ROLE",
        "TERM",
        "LEADER",
        "MEMBERS",
        "LEVELS",
        "COMMIT",
        "APPLIED",
        "MEMORY",
        "LOOP",
        "HEALTH",
      ],
      servers.map(row),
    );
}

function row({ server, cluster, ...answer }: ServerHealth): readonly string[] {
  const health = answer.status === "UP" ? "UP" : `DOWN (${answer.reason})`;
  if (cluster === undefined) return [server, ...Array.from({ length: 10 }, () => "-"), health];
  const { server: self, term, leader, commitIndex, appliedIndex } = cluster;
  const membership = membersText(cluster);
  const { library, application } = cluster.membership.featureLevels;
  const leaderName = leader === null ? "-" : (leader.name ?? String(leader.id));
  return [
    server,
    self.name,
    self.role,
    String(term),
    leaderName,
    membership,
    `${library}.${application}`,
    String(commitIndex),
    String(appliedIndex),
    `${Math.round(cluster.process.rssBytes / 2 ** 20)} MiB`,
    // How late the event loop is.
    `${cluster.process.eventLoopDelay.p99Ms} ms`,
    health,
  ];
}

/** "3 v7": three voters, version 7; "3+1 joint v9": and another member, in the middle of a change. */
function membersText({ membership: { members, phase, version } }: ClusterStatus): string {
  const voters = members.filter(({ isVoting }) => isVoting).length;
  const others = members.length === voters ? "" : `+${members.length - voters}`;
  return `${voters}${others}${phase === "done" ? "" : ` ${phase}`} v${version}`;
}
