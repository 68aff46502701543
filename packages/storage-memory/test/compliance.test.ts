import { type StorageHarness, storageCompliance } from "@quorate/contracts/compliance";
import { MemoryDisk, type MemoryDiskOptions, MemoryLogStorage } from "../src/index.js";

/** Disks that crash with or without the write under way, by turns. */
class MemoryHarness implements StorageHarness {
  readonly #options: MemoryDiskOptions;
  readonly #disks = new Map<unknown, MemoryDisk>();
  #crashes = 0;

  constructor(options: MemoryDiskOptions) {
    this.#options = options;
  }

  create(): MemoryLogStorage {
    return this.#on(new MemoryDisk(this.#options));
  }

  reopen(storage: unknown): MemoryLogStorage {
    return this.#on(this.#diskOf(storage));
  }

  crash(storage: unknown): MemoryLogStorage {
    this.#crashes += 1;
    const disk = this.#diskOf(storage);
    disk.crash({ keepsWriteUnderWay: this.#crashes % 2 === 0 });
    return this.#on(disk);
  }

  async damage(storage: unknown, index: number): Promise<void> {
    this.#diskOf(storage).damageEntry(index);
  }

  async dispose(): Promise<void> {
    this.#disks.clear();
  }

  #on(disk: MemoryDisk): MemoryLogStorage {
    const storage = new MemoryLogStorage(disk);
    this.#disks.set(storage, disk);
    return storage;
  }

  #diskOf(storage: unknown): MemoryDisk {
    const disk = this.#disks.get(storage);
    if (disk === undefined) throw new Error("This storage is not of this harness");
    return disk;
  }
}

storageCompliance("MemoryLogStorage, at once,", () => new MemoryHarness({}));

storageCompliance("MemoryLogStorage, a turn later,", () => {
  return new MemoryHarness({ schedule: (_operation, complete) => setImmediate(complete) });
});
