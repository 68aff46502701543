/** The commands of `pnpm bench` that measure nothing: they make pages and pictures of runs that were kept. */

import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { writePictures, writeReport } from "./report.js";

const DOCS = fileURLToPath(new URL("../../../docs/", import.meta.url));

export function addPageCommands(program: Command): void {
  program
    .command("report")
    .description("write the runs kept in docs/benchmarks into docs/performance.md, and draw their pictures")
    .action(() => writeReport(DOCS));
  program
    .command("plot")
    .description("draw the runs that --save left in a folder, as SVG files in another")
    .argument("<from>")
    .argument("<to>")
    .action((from: string, to: string) => {
      for (const name of writePictures(from, to)) process.stdout.write(`${name}\n`);
    });
}
