/**
 * The account of disks: which servers have lost what was stored, for good. A cluster survives the loss of a minority; a
 * fault that would take more is not done.
 */

import type { NodeId } from "@quorate/core";

export class DiskAccount {
  readonly #lost = new Set<NodeId>();
  readonly #limit: number;

  constructor(servers: number) {
    this.#limit = Math.floor((servers - 1) / 2);
  }

  /** Whether `id` may lose its disk, or has lost it already. */
  mayLose(id: NodeId): boolean {
    return this.#lost.has(id) || this.#lost.size < this.#limit;
  }

  lose(id: NodeId): void {
    this.#lost.add(id);
  }

  isLost(id: NodeId): boolean {
    return this.#lost.has(id);
  }
}
