/** The errors of a database of `abstract-level`, LevelDB's above all, in our words. */

import { StorageError } from "@quorate/contracts";
import { RecordError } from "./record.js";

/** Why the database called `name` could not be opened. */
export function explainOpening(name: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = messageOf(cause);
  switch (codeOf(cause)) {
    case "LEVEL_LOCKED":
      return new StorageError("STORAGE_LOCKED", `${name} is in use.`, { cause });
    case "LEVEL_CORRUPTION":
      return new StorageError("STORAGE_CORRUPT", `${name}: LevelDB says: ${said}.`, { cause });
    default:
      break;
  }
  if (said.includes("No such file")) {
    return new StorageError("STORAGE_CORRUPT", `${name}: a file is missing. LevelDB says: ${said}.`, { cause });
  }
  if (said.includes("comparator")) {
    return new StorageError("FOREIGN_STORAGE", `${name} is the database of another program: ${said}.`, { cause });
  }
  return unavailable(`${name} cannot be opened. LevelDB says: ${said}.`, cause);
}

/** What went wrong while reading what is stored; whatever is nobody's report of that comes back as it is. */
export function explainReading(name: string, cause: unknown): unknown {
  if (cause instanceof RecordError) return new StorageError(cause.code, `${name}: ${cause.message}.`, { cause });
  const code = codeOf(cause);
  const said = messageOf(cause);
  if (code === "LEVEL_CORRUPTION") {
    return new StorageError("STORAGE_CORRUPT", `${name}: LevelDB says: ${said}.`, { cause });
  }
  return code === undefined ? cause : unavailable(`${name} cannot be read: ${said}.`, cause);
}

export function unavailable(message: string, cause: unknown): StorageError {
  return new StorageError("STORAGE_UNAVAILABLE", message, { cause });
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

export function isErrorWithCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
