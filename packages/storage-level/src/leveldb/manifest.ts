/**
 * LevelDB's manifest: which files make up the database. It is a log of changes (LevelDB, `db/version_edit.cc`), and the
 * file `CURRENT` names the one that counts.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Cursor } from "./cursor.js";
import { beginsBatch, parseLog } from "./log-file.js";

export interface Manifest {
  /** Write-ahead logs from this number on count, and the one numbered `prevLogNumber`. */
  readonly logNumber: number;
  readonly prevLogNumber: number;
  /** The tables, by number, with their lengths. */
  readonly tables: ReadonlyMap<number, number>;
}

const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  prevLogNumber: 9,
} as const;

/** What is wrong with a file, in words that begin with its name. */
export class Damage extends Error {
  override readonly name = "Damage";
}

/** Rejects with a {@link Damage} if it is beyond use. */
export async function readManifest(directory: string): Promise<Manifest> {
  const current = await readFile(join(directory, "CURRENT"), "latin1");
  const name = current.trimEnd();
  if (!/^MANIFEST-\d+\n$/.test(current)) throw new Damage("CURRENT does not name a manifest");
  const bytes = await readFile(join(directory, name)).catch((cause: unknown) => {
    throw new Damage(`${name} cannot be read`, { cause });
  });
  const edits: Buffer[] = [];
  const flawAt = parseLog(bytes, (parts) => edits.push(Buffer.concat(parts)));
  if (flawAt !== null && beginsBatch(bytes, flawAt + 1)) throw new Damage(`${name} is damaged at byte ${flawAt}`);
  const manifest = { logNumber: 0, prevLogNumber: 0, tables: new Map<number, number>() };
  for (const edit of edits) applyEdit(name, manifest, new Cursor(edit));
  return manifest;
}

function applyEdit(
  name: string,
  manifest: { logNumber: number; prevLogNumber: number; tables: Map<number, number> },
  edit: Cursor,
): void {
  while (!edit.isAtEnd) {
    const tag = edit.number();
    switch (tag) {
      case TAG.comparator:
        edit.string();
        break;
      case TAG.logNumber:
        manifest.logNumber = edit.number();
        break;
      case TAG.prevLogNumber:
        manifest.prevLogNumber = edit.number();
        break;
      case TAG.nextFileNumber:
      case TAG.lastSequence:
        edit.number();
        break;
      case TAG.compactPointer:
        edit.number();
        edit.string();
        break;
      case TAG.deletedFile:
        edit.number();
        manifest.tables.delete(edit.number());
        break;
      case TAG.newFile:
        edit.number();
        manifest.tables.set(edit.number(), edit.number());
        edit.string();
        edit.string();
        break;
      default:
        throw new Damage(`${name} holds an unknown change, ${tag}`);
    }
  }
}
