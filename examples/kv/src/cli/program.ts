/** The command line: its commands, and what becomes of their errors. */

import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { addDataCommands, examples } from "./data-commands.js";
import { EXIT, exitCodeOf, isExpected } from "./exit-codes.js";
import { addFeatureLevelCommands } from "./feature-level-commands.js";
import { addLeadershipCommands, addMemberCommands } from "./member-commands.js";
import { printError } from "./output.js";
import { addServeCommand } from "./serve-command.js";
import { addStatusCommand } from "./status-command.js";
import { addWatchCommand } from "./watch-command.js";

/** Runs one command and sets `process.exitCode`. Rejects only with errors that are mistakes in the program. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Asking for help is no error; being shown it for want of a command is.
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    } else if (isExpected(error)) {
      printError(error, argv.includes("--json"));
      process.exitCode = exitCodeOf(error);
    } else {
      throw error;
    }
  }
}

function createProgram(): Command {
  const program = new Command("quorate-kv")
    .description("A replicated key-value store: run its servers, and read and write its keys.")
    .version(readVersion())
    .showHelpAfterError("(add --help for what it takes)")
    .exitOverride()
    .addHelpText("after", `${examples("serve --help", "put greeting hello", "get greeting")}\n\n${EXIT_CODES}`);
  addServeCommand(program);
  addDataCommands(program);
  addWatchCommand(program);
  addStatusCommand(program);
  addMemberCommands(program);
  addLeadershipCommands(program);
  addFeatureLevelCommands(program);
  return program;
}

const EXIT_CODES = `Exit codes:
  0  done
  1  the answer is no: no such key, or the condition does not hold; serve: it could not start
  2  the command line or its input is wrong; nothing was done
  3  no server could answer, or it is unknown whether a write took effect`;

function readVersion(): string {
  const { version } = createRequire(import.meta.url)("../../package.json") as { readonly version: string };
  return version;
}
