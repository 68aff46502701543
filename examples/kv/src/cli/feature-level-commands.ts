/** `quorate-kv feature-levels`: what every server must be able to read, and the end of an upgrade. */

import type { Command } from "commander";
import type { FeatureLevels } from "quorate";
import type { MembersInfo } from "../client/types.js";
import { examples } from "./data-commands.js";
import { addClientOptions, type ClientOptions, createClient } from "./options.js";
import { printJson, printLine, printTable } from "./output.js";

export function addFeatureLevelCommands(program: Command): void {
  const levels = program
    .command("feature-levels")
    .summary("see what every server must be able to read, and end an upgrade")
    .description(
      "The levels in force are what the log may ask of every server: until they are raised, servers can go back to the\n" +
        "version before. Without a subcommand they are shown.",
    );
  addClientOptions(levels.command("show", { isDefault: true }))
    .summary("show the levels in force, and what members support")
    .description(
      "Shows the levels in force, as one server knows them. What the others support is for the leader to know.",
    )
    .addHelpText("after", examples("feature-levels", "feature-levels show --json"))
    .action(async (options: ClientOptions) => onShow(options, await createClient(options).admin.members()));
  addClientOptions(levels.command("raise"))
    .summary("end an upgrade: put in force what every member supports")
    .description(
      "Puts the levels in force that every member supports. Servers of an older version do not start from then on.\n" +
        "Refused while a member is away, because nobody knows what that one can read.",
    )
    .addHelpText("after", examples("feature-levels raise", "feature-levels raise --json"))
    .action(async (options: ClientOptions) => {
      const featureLevels = await createClient(options).admin.raiseFeatureLevels();
      if (options.json) printJson({ featureLevels });
      else printLine(`in force: ${levelsText(featureLevels)}`);
    });
}

function onShow({ json }: ClientOptions, { version, featureLevels, members }: MembersInfo): void {
  const supported = members.map(({ name, progress }) => ({ name, supports: progress?.supportedLevels ?? null }));
  if (json) return printJson({ version, featureLevels, members: supported });
  const row = ({ name, supports }: (typeof supported)[number]): readonly string[] => [
    name,
    supports === null ? "-" : levelsText(supports),
  ];
  printTable(["NAME", "SUPPORTS"], supported.map(row));
  printLine(`in force: ${levelsText(featureLevels)}`);
}

export function levelsText({ library, application }: FeatureLevels): string {
  return `library ${library}, application ${application}`;
}
