import { cpSync, existsSync } from "node:fs";

/** Copies files as they are. A file that goes meanwhile was there, or was not: the copy is begun again. */
export function copyDirectory(source: string, target: string): void {
  for (;;) {
    if (!existsSync(source)) return;
    try {
      cpSync(source, target, { recursive: true, force: true });
      return;
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) throw cause;
    }
  }
}
