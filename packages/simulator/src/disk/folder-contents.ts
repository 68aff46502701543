/**
 * What a folder on a simulated disk holds: what its users see, and what is left of that when the power fails.
 *
 * A file system promises little. What was written to a file and not synced may be there afterwards, in part, or not at
 * all, whatever was written after it; and so may the name of a file. Only a name is changed in one step.
 */

/** A part of a file that may be lost. */
interface Patch {
  readonly position: number;
  readonly bytes: Buffer;
}

/** A file, whatever it is called. */
export interface StoredFile {
  /** What is read from it. */
  bytes: Buffer;
  /** What is certain to be there after a loss of power. */
  durable: Buffer;
  unsynced: Patch[];
}

/** What happens to names in one step: the file that each bears from then on, or null. */
type NameChange = readonly (readonly [name: string, file: StoredFile | null])[];

/** Says whether a part of what is at risk is there after all. */
export type Survives = () => boolean;

export class FolderContents {
  #names = new Map<string, StoredFile>();
  #durableNames = new Map<string, StoredFile>();
  #unsynced: NameChange[] = [];

  get names(): readonly string[] {
    return [...this.#names.keys()];
  }

  file(name: string): StoredFile | undefined {
    return this.#names.get(name);
  }

  create(name: string): StoredFile {
    const file: StoredFile = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] };
    this.change([[name, file]]);
    return file;
  }

  change(change: NameChange): void {
    carryOut(this.#names, change);
    this.#unsynced.push(change);
  }

  syncNames(): void {
    for (const change of this.#unsynced) carryOut(this.#durableNames, change);
    this.#unsynced = [];
  }

  /** What a loss of power at this moment is certain to leave. */
  durable(): FolderContents {
    const copy = new FolderContents();
    for (const [name, { durable }] of this.#durableNames) {
      const file: StoredFile = { bytes: durable, durable, unsynced: [] };
      copy.#names.set(name, file);
      copy.#durableNames.set(name, file);
    }
    return copy;
  }

  /** The power fails. Asked about each part that was not synced, and, if it is not whole, whether its first half is there. */
  crash(survives: Survives): void {
    for (const change of this.#unsynced) if (survives()) carryOut(this.#durableNames, change);
    this.#unsynced = [];
    this.#names = new Map(this.#durableNames);
    for (const file of new Set(this.#names.values())) {
      for (const { position, bytes } of file.unsynced) {
        const length = survives() ? bytes.length : survives() ? bytes.length >>> 1 : 0;
        file.durable = patched(file.durable, position, bytes.subarray(0, length));
      }
      file.unsynced = [];
      file.bytes = file.durable;
    }
  }
}

export function writeTo(file: StoredFile, position: number, bytes: Buffer): void {
  file.bytes = patched(file.bytes, position, bytes);
  file.unsynced.push({ position, bytes });
}

export function syncFile(file: StoredFile): void {
  file.durable = file.bytes;
  file.unsynced = [];
}

function carryOut(names: Map<string, StoredFile>, change: NameChange): void {
  for (const [name, file] of change) {
    if (file === null) names.delete(name);
    else names.set(name, file);
  }
}

/** What lies between the end and `position` is zeros, as in any file with a hole. */
function patched(before: Buffer, position: number, bytes: Buffer): Buffer {
  if (bytes.length === 0) return before;
  const after = Buffer.alloc(Math.max(before.length, position + bytes.length));
  before.copy(after);
  bytes.copy(after, position);
  return after;
}
