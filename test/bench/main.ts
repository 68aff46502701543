/** The entry of `pnpm bench`. */

import { benchCommand } from "./frame/command.js";
import { addPageCommands } from "./pages/commands.js";
import { PARTS } from "./parts.js";

// So that what runs on exit does run: folders are removed.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  process.once(signal, () => process.exit(code));

const program = benchCommand(PARTS);
addPageCommands(program);
await program.parseAsync();
