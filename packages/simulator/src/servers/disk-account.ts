/**
 * The account of disks: which machines have lost what was stored, for good. A cluster survives the loss of a minority; a
 * fault that would take more is not done.
 */

export class DiskAccount {
  readonly #lost = new Set<number>();
  readonly #isBearable: (id: number, lost: ReadonlySet<number>) => boolean;

  /** `isBearable` says whether machine `id` can be lost besides those that are `lost`. */
  constructor(isBearable: (id: number, lost: ReadonlySet<number>) => boolean) {
    this.#isBearable = isBearable;
  }

  /** Whether machine `id` may lose its disk, or has lost it already. */
  mayLose(id: number): boolean {
    return this.#lost.has(id) || this.#isBearable(id, this.#lost);
  }

  lose(id: number): void {
    this.#lost.add(id);
  }

  /** What was lost no longer counts: the server that it was is a member no more. */
  forget(id: number): void {
    this.#lost.delete(id);
  }

  isLost(id: number): boolean {
    return this.#lost.has(id);
  }
}
