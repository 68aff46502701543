/** One storage object on a {@link MemoryDisk}, and what it has under way there. */

import type { DiskOperation, MemoryDisk, SnapshotOperation } from "./memory-disk.js";

export class DiskUser {
  readonly #disk: MemoryDisk;
  readonly #user: object;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(disk: MemoryDisk, user: object) {
    this.#disk = disk;
    this.#user = user;
  }

  /** Settles as `effect` does, which runs when the disk completes the operation. */
  perform<Result>(operation: DiskOperation | SnapshotOperation, effect: () => Result): Promise<Result> {
    const performed = this.#disk.perform(this.#user, operation, effect);
    this.#underWay.add(performed);
    const onSettled = (): void => {
      this.#underWay.delete(performed);
    };
    performed.then(onSettled, onSettled);
    return performed;
  }

  /** Waits for what is under way, then lets go of the disk; does nothing if a crash has done so. */
  async leave(): Promise<void> {
    if (!this.#disk.isLockedBy(this.#user)) return;
    await Promise.allSettled(this.#underWay);
    this.#disk.unlock(this.#user);
  }
}
