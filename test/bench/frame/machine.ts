/** What a figure was measured on, and where the data lies meanwhile. */

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** The load average of the last minute, when it began; null where there is no such thing. */
  readonly load1: number | null;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    load1: process.platform === "win32" ? null : Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function machineLine({ cpu, cores, memoryGiB, system, node }: Machine): string {
  return `${cores} × ${cpu}, ${memoryGiB} GiB, ${system}, Node ${node}`;
}

/** Where `/tmp` may lie in memory, a durable write would cost nothing there. */
const DEFAULT_PARENT = process.platform === "linux" ? "/var/tmp" : tmpdir();

/** A fresh folder below `parent`, for one run: it is removed when this process ends. */
export function makeDataDirectory(parent: string = DEFAULT_PARENT): string {
  const directory = mkdtempSync(join(parent, "quorate-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
