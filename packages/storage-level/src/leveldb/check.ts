/**
 * LevelDB's files, checked before LevelDB opens them: of their checksums it makes little use itself.
 *
 * - In a table it does not look at them when it reads. A flipped bit may hide the newest version of a record and bring
 *   an older one to light, which is a vote or an acknowledged entry taken back, or it may abort the process.
 * - What is damaged in the write-ahead log it drops without a word, with the rest of the 32 KiB it lies in. That is
 *   right for the end of the log, which a crash may have torn off: those writes were never acknowledged. In the middle
 *   it is corruption (PITFALLS P6, P7). Every batch is synced before the next one begins, so the two are told apart by
 *   whether another batch begins after the damage.
 *
 * A gigabyte takes about a second. Files that are no part of the database, as a crash may leave them, do not matter.
 */

import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileWindow } from "./file-window.js";
import { beginsBatch, parseLog } from "./log-file.js";
import { Damage, type Manifest, readManifest } from "./manifest.js";
import { findTableDamage } from "./table-file.js";

/** What is in memory of a table at a time, unless one of its blocks is larger. */
const WINDOW_BYTES = 512 * 1024;
const LOG_FILE = /^(\d+)\.log$/;
const TABLE_FILE = /^(\d+)\.(ldb|sst)$/;

/** What is wrong with the database in `directory`, in words that begin with the name of a file; null if nothing is. */
export async function findDamage(directory: string): Promise<string | null> {
  try {
    const manifest = await readManifest(directory);
    const names = await readdir(directory);
    await checkTables(directory, names, manifest);
    await checkWriteAheadLog(directory, names, manifest);
    return null;
  } catch (cause) {
    if (cause instanceof Damage) return cause.message;
    throw cause;
  }
}

async function checkTables(directory: string, names: readonly string[], { tables }: Manifest): Promise<void> {
  const missing = new Map(tables);
  const memory = Buffer.allocUnsafe(WINDOW_BYTES);
  for (const name of names) {
    const number = numberOf(TABLE_FILE, name);
    const lengthBytes = missing.get(number);
    if (lengthBytes === undefined) continue;
    missing.delete(number);
    await checkTable(directory, name, lengthBytes, memory);
  }
  for (const number of missing.keys()) throw new Damage(`the table ${fileName(number)} is missing`);
}

async function checkTable(directory: string, name: string, lengthBytes: number, memory: Buffer): Promise<void> {
  const file = await open(join(directory, name));
  try {
    const { size } = await file.stat();
    if (size !== lengthBytes) throw new Damage(`the table ${name} is ${size} bytes long, and should be ${lengthBytes}`);
    const damageAt = await findTableDamage(new FileWindow(file, size, memory));
    if (damageAt !== null) throw new Damage(`the table ${name} is damaged at byte ${damageAt} or soon after it`);
  } finally {
    await file.close();
  }
}

async function checkWriteAheadLog(directory: string, names: readonly string[], manifest: Manifest): Promise<void> {
  const logs = names.filter((name) => isLive(manifest, numberOf(LOG_FILE, name)));
  logs.sort((a, b) => numberOf(LOG_FILE, a) - numberOf(LOG_FILE, b));
  let damage: Damage | null = null;
  for (const name of logs) {
    const bytes = await readFile(join(directory, name));
    if (damage !== null && beginsBatch(bytes, 0)) throw damage;
    const flawAt = parseLog(bytes);
    if (flawAt === null) continue;
    damage = new Damage(`the write-ahead log ${name} is damaged at byte ${flawAt}, and goes on after it`);
    if (beginsBatch(bytes, flawAt + 1)) throw damage;
  }
}

function isLive({ logNumber, prevLogNumber }: Manifest, number: number): boolean {
  return number >= logNumber || number === prevLogNumber;
}

/** The number in the name of such a file; not a number for any other. */
function numberOf(form: RegExp, name: string): number {
  return Number.parseInt(form.exec(name)?.[1] ?? "", 10);
}

function fileName(number: number): string {
  return `${String(number).padStart(6, "0")}.ldb`;
}
