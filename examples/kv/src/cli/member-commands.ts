/** The commands for operators: member list, add, remove, promote, demote and set; transfer; snapshot. */

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { KvAdmin } from "../client/admin.js";
import type { MemberEdit, MemberInfo, MembersInfo } from "../client/types.js";
import { examples } from "./data-commands.js";
import { levelsText } from "./feature-level-commands.js";
import { addClientOptions, type ClientOptions, createClient, usageError, wholeNumber } from "./options.js";
import { printJson, printLine, printTable } from "./output.js";

const CHANGE_TIMEOUT_MS = 60_000;

const readPriority = wholeNumber(0, 1_000_000);

export function addMemberCommands(program: Command): void {
  const member = program
    .command("member")
    .summary("look at the members of the cluster, and change them")
    .description(
      "Looks at the members of the cluster, and changes them. A change is done when new voters have caught up and the old\n" +
        "majority is no longer needed; it goes on by itself, also when this command gives up waiting.",
    );
  changing(member.command("list"))
    .summary("show the members")
    .description("Shows the members as one server knows them. The leader also knows how each of the others keeps up.")
    .addHelpText("after", examples("member list", "member list --json"))
    .action(async (options: ClientOptions) => print(options, await adminOf(options).members()));
  changing(member.command("add <name> <address>"))
    .summary("make a place for a server")
    .description(
      "Makes NAME a member, which the others will reach at ADDRESS, and waits until it has joined and caught up: start it\n" +
        "meanwhile with `serve --join`. (`serve --join` alone does both.)",
    )
    .option("--role <role>", "voter, learner (receives the log, and counts nowhere) or witness", readRole, "voter")
    .option("--priority <number>", "leaders hand over to voters of higher priority", readPriority, 0)
    .addHelpText("after", examples("member add n4 10.0.0.4:7001", "member add reports 10.0.0.5:7001 --role learner"))
    .action(async (name: string, address: string, { role, priority, ...options }: AddOptions) =>
      print(options, await adminOf(options).addMember({ name, address, role, priority })),
    );
  changing(member.command("remove <name>"))
    .summary("remove a server")
    .description(
      "Removes NAME, the leader as well as any other; it stops by itself when it knows. Its name is free then.",
    )
    .addHelpText("after", examples("member remove n2"))
    .action(async (name: string, options: ClientOptions) => print(options, await adminOf(options).removeMember(name)));
  addRoleCommand(member, "promote", "voter", "make a learner a voter, when it has caught up");
  addRoleCommand(member, "demote", "learner", "make a voter a learner");
  changing(member.command("set <name>"))
    .summary("change the address or priority of a server")
    .description(
      "Changes what the cluster knows of NAME. Whoever is started with another address for it keeps to that.",
    )
    .option("--address <host:port>", "where the others reach it")
    .option("--priority <number>", "leaders hand over to voters of higher priority", readPriority)
    .addHelpText("after", examples("member set n2 --address 10.0.0.7:7001", "member set n1 --priority 10"))
    .action(onSet);
}

interface AddOptions extends ClientOptions {
  readonly role: "voter" | "learner" | "witness";
  readonly priority: number;
}

export function addLeadershipCommands(program: Command): void {
  addClientOptions(program.command("transfer [id]"))
    .summary("have another server lead")
    .description("Has the server named ID lead, or whichever fits best. No write is lost; they wait for a moment.")
    .addHelpText("after", examples("transfer", "transfer n2 --json"))
    .action(async (id: string | undefined, options: ClientOptions) => {
      const answer = await adminOf(options).transfer(id);
      if (options.json) printJson(answer);
      else printLine(`${answer.leader} leads`);
    });
  addClientOptions(program.command("snapshot"))
    .summary("have a server take a snapshot")
    .description("Has the first of --servers that answers snapshot its state now, and drop the log that this replaces.")
    .addHelpText("after", examples("snapshot --servers http://127.0.0.1:8002"))
    .action(async (options: ClientOptions) => {
      const answer = await adminOf(options).snapshot();
      if (options.json) printJson(answer);
      else printLine(`snapshot of entry ${answer.index}, ${answer.sizeBytes} bytes`);
    });
}

function addRoleCommand(member: Command, name: string, role: "voter" | "learner", summary: string): void {
  changing(member.command(`${name} <name>`))
    .summary(summary)
    .description(`Asks to ${summary}.`)
    .addHelpText("after", examples(`member ${name} n4`))
    .action(async (server: string, options: ClientOptions) =>
      print(options, await adminOf(options).updateMember(server, { role })),
    );
}

async function onSet(name: string, { address, priority, ...options }: ClientOptions & MemberEdit): Promise<void> {
  if (address === undefined && priority === undefined)
    throw usageError("Say what to set: --address, --priority, or both.", undefined);
  const edit = { ...(address === undefined ? {} : { address }), ...(priority === undefined ? {} : { priority }) };
  print(options, await adminOf(options).updateMember(name, edit));
}

/** The options of a command that may have to wait for a server to catch up. */
function changing(command: Command): Command {
  return addClientOptions(command, CHANGE_TIMEOUT_MS);
}

function adminOf(options: ClientOptions): KvAdmin {
  return createClient(options).admin;
}

function readRole(text: string): string {
  if (text === "voter" || text === "learner" || text === "witness") return text;
  throw new InvalidArgumentError("A role is voter, learner or witness.");
}

function print(options: ClientOptions, membership: MembersInfo): void {
  if (options.json) return printJson(membership);
  const { version, phase, members, committed, featureLevels } = membership;
  printTable(["NAME", "ID", "ADDRESS", "ROLE", "PRIORITY", "MATCH", "LAST CONTACT"], members.map(row));
  const state =
    phase === "done" ? "nothing is under way" : `${PHASES[phase]} (version ${committed.version} is committed)`;
  printLine(`version ${version}; ${state}; feature levels: ${levelsText(featureLevels)}`);
}

const PHASES = {
  catchingUp: "new voters are catching up",
  joint: "a majority of the old and of the new voters is needed",
  committing: "the last step is being committed",
} as const;

function row({ name, id, address, role, isVoting, wantedRole, priority, progress }: MemberInfo): readonly string[] {
  const change = wantedRole === role ? "" : ` → ${wantedRole ?? "leaves"}`;
  const match = progress === undefined ? "-" : String(progress.matchIndex);
  const contact = progress === undefined ? "-" : `${progress.lastContactMs} ms ago`;
  return [
    name,
    String(id),
    address,
    `${role}${isVoting ? "" : " (no vote)"}${change}`,
    String(priority),
    match,
    contact,
  ];
}
