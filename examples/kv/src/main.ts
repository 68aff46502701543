#!/usr/bin/env node
/** The program `quorate-kv`. */

import { run } from "./cli/program.js";

// Whoever reads our output may stop early (`| head`): that is the end of the work, not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

await run(process.argv.slice(2));
