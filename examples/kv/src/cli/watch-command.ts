/** `quorate-kv watch`: follows what is written, through the loss of servers. */

import type { Command } from "commander";
import { examples } from "./data-commands.js";
import { addClientOptions, type ClientOptions, createClient, readRevision } from "./options.js";
import { eventJson, oneLine, printJson, printLine, valueText } from "./output.js";

export function addWatchCommand(program: Command): void {
  addClientOptions(program.command("watch [prefix]"))
    .summary("follow what is written")
    .description(
      "Prints every change to the keys that start with PREFIX, or to all, until it is interrupted. When its server is " +
        "lost it goes on at another one; no change is missed or printed twice. --timeout-ms is how long it looks for one.",
    )
    .option("--from <revision>", "start with this revision instead of now", readRevision)
    .addHelpText("after", examples("watch", "watch user/ --from 120", "watch --json"))
    .action(onWatch);
}

async function onWatch(prefix: string | undefined, options: ClientOptions & { readonly from?: number }): Promise<void> {
  const { from: fromRevision, json, timeoutMs } = options;
  for await (const { revision, events } of createClient(options).watch({ prefix, fromRevision, timeoutMs })) {
    for (const event of events) {
      if (json) printJson(eventJson(revision, event));
      else if (event.type !== "put") printLine(`${revision}  ${event.type.padEnd(6)}  ${oneLine(event.key)}`);
      else printLine(`${revision}  put     ${oneLine(event.key)}  ${oneLine(valueText(event.value))}`);
    }
  }
}
