import type { SnapshotStorage } from "@quorate/contracts";
import { type SnapshotHarness, snapshotStorageCompliance } from "@quorate/contracts/compliance";
import { type DiskScheduler, openSnapshotStorage, SimulatedFolder } from "../../src/disk/index.js";

/** Folders that crash with and without what was under way or not synced, by turns. */
class FolderHarness implements SnapshotHarness {
  readonly #folders = new Map<SnapshotStorage, SimulatedFolder>();
  readonly #schedule: DiskScheduler;
  #questions = 0;

  constructor(schedule: DiskScheduler) {
    this.#schedule = schedule;
  }

  create(): SnapshotStorage {
    return this.#in(new SimulatedFolder({ schedule: this.#schedule }));
  }

  reopen(storage: SnapshotStorage): SnapshotStorage {
    return this.#in(this.#folderOf(storage));
  }

  crash(storage: SnapshotStorage): SnapshotStorage {
    const folder = this.#folderOf(storage);
    folder.crash(() => {
      this.#questions += 1;
      return this.#questions % 3 === 0;
    });
    return this.#in(folder);
  }

  async damage(storage: SnapshotStorage, part: "header" | "body"): Promise<void> {
    const below = (count: number): number => count - 1;
    this.#folderOf(storage).flipBit(below, part === "header" ? "head" : "body");
  }

  async dispose(): Promise<void> {
    this.#folders.clear();
  }

  #in(folder: SimulatedFolder): SnapshotStorage {
    const storage = openSnapshotStorage(folder);
    this.#folders.set(storage, folder);
    return storage;
  }

  #folderOf(storage: SnapshotStorage): SimulatedFolder {
    const folder = this.#folders.get(storage);
    if (folder === undefined) throw new Error("This storage is not of this harness");
    return folder;
  }
}

snapshotStorageCompliance("The storage of snapshots in a simulated folder, at once,", () => {
  return new FolderHarness((_, complete) => complete());
});

snapshotStorageCompliance("The storage of snapshots in a simulated folder, a turn later,", () => {
  return new FolderHarness((_, complete) => setImmediate(complete));
});
