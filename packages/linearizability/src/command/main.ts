#!/usr/bin/env node
/** The program `quorate-linearizability`. */

import { run } from "./program.js";

// Whoever reads our output may stop early (`| head`): that is the end of the work, not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = run(process.argv.slice(2));
