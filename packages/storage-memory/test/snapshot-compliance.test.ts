import type { SnapshotStorage } from "@quorate/contracts";
import { type SnapshotHarness, snapshotStorageCompliance } from "@quorate/contracts/compliance";
import { MemoryDisk, type MemoryDiskOptions, MemorySnapshotStorage } from "../src/index.js";

/** Disks that crash with or without the commit under way, by turns. */
class MemoryHarness implements SnapshotHarness {
  readonly #options: MemoryDiskOptions;
  readonly #disks = new Map<SnapshotStorage, MemoryDisk>();
  #crashes = 0;

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
  }

  create(): MemorySnapshotStorage {
    return this.#on(new MemoryDisk(this.#options));
  }

  reopen(storage: SnapshotStorage): MemorySnapshotStorage {
    return this.#on(this.#diskOf(storage));
  }

  crash(storage: SnapshotStorage): MemorySnapshotStorage {
    this.#crashes += 1;
    const disk = this.#diskOf(storage);
    disk.crash({ keepsWriteUnderWay: this.#crashes % 2 === 0 });
    return this.#on(disk);
  }

  async dispose(): Promise<void> {
    this.#disks.clear();
  }

  #on(disk: MemoryDisk): MemorySnapshotStorage {
    const storage = new MemorySnapshotStorage(disk);
    this.#disks.set(storage, disk);
    return storage;
  }

  #diskOf(storage: SnapshotStorage): MemoryDisk {
    const disk = this.#disks.get(storage);
    if (disk === undefined) throw new Error("This storage is not of this harness");
    return disk;
  }
}

snapshotStorageCompliance("MemorySnapshotStorage, at once,", () => new MemoryHarness({}));

snapshotStorageCompliance("MemorySnapshotStorage, a turn later,", () => {
  return new MemoryHarness({ schedule: (_operation, complete) => setImmediate(complete) });
});
