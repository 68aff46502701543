import type { LogStorage } from "@quorate/contracts";
import { type StorageHarness, storageCompliance } from "@quorate/contracts/compliance";
import { type DiskScheduler, entryKey, openLogStorage, SimulatedDisk } from "../../src/disk/index.js";

/** Disks that crash with and without what was under way, by turns. */
class DiskHarness implements StorageHarness {
  readonly #disks = new Map<LogStorage, SimulatedDisk>();
  readonly #schedule: DiskScheduler;
  #crashes = 0;

  constructor(schedule: DiskScheduler) {
    this.#schedule = schedule;
  }

  create(): LogStorage {
    return this.#on(new SimulatedDisk({ schedule: this.#schedule }));
  }

  reopen(storage: LogStorage): LogStorage {
    return this.#on(this.#diskOf(storage));
  }

  crash(storage: LogStorage): LogStorage {
    this.#crashes += 1;
    const disk = this.#diskOf(storage);
    disk.crash(() => this.#crashes % 2 === 0);
    return this.#on(disk);
  }

  async damage(storage: LogStorage, index: number): Promise<void> {
    const disk = this.#diskOf(storage);
    const key = entryKey(disk, index);
    if (key === undefined) throw new Error("There is nothing to damage");
    disk.flipBit({ key, part: "value", below: (count) => (index * 13) % count });
  }

  async dispose(): Promise<void> {
    this.#disks.clear();
  }

  #on(disk: SimulatedDisk): LogStorage {
    const storage = openLogStorage(disk);
    this.#disks.set(storage, disk);
    return storage;
  }

  #diskOf(storage: LogStorage): SimulatedDisk {
    const disk = this.#disks.get(storage);
    if (disk === undefined) throw new Error("This storage is not of this harness");
    return disk;
  }
}

storageCompliance("The log storage on a simulated disk, at once,", () => new DiskHarness((_, complete) => complete()));

storageCompliance("The log storage on a simulated disk, a turn later,", () => {
  return new DiskHarness((_, complete) => setImmediate(complete));
});
