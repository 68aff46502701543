/**
 * Looks at the newest snapshot of this server when there is reason to doubt it: a follower found, at the end of what it
 * was sent, that it is not what it should be, or a piece of it could not be read (PITFALLS P7).
 *
 * If it is damaged, that is told, and another one is taken of the state, which is sound: without that the follower would
 * be sent the same bytes, and refuse them, for ever.
 */

import { type Clock, RaftError, type SnapshotReader, type SnapshotStorage } from "@quorate/contracts";
import type { EntryId, Index } from "@quorate/core";
import { BodyReader } from "./snapshot-body.js";

export interface SnapshotCheckOptions {
  readonly clock: Clock;
  readonly storage: SnapshotStorage;
  /** Takes another snapshot, whatever there is. Its failure is told elsewhere. */
  readonly takeAnew: () => Promise<unknown>;
  readonly onWarning: (error: unknown) => void;
}

export class SnapshotCheck {
  readonly #options: SnapshotCheckOptions;
  #isChecking = false;
  #isStopped = false;
  #damagedIndex: Index = 0;

  constructor(options: SnapshotCheckOptions) {
    this.#options = options;
  }

  /** The last one that was found damaged since the start; 0 if none was. */
  get damagedIndex(): Index {
    return this.#damagedIndex;
  }

  /** The snapshot of `place` may be damaged. One look at a time: while one goes on, others are not begun. */
  async examine(place: EntryId): Promise<void> {
    if (this.#isChecking || this.#isStopped) return;
    this.#isChecking = true;
    try {
      await this.#examine(place);
    } catch (error) {
      // Whoever waits for the snapshot asks again.
      if (!this.#isStopped) this.#options.onWarning(error);
    } finally {
      this.#isChecking = false;
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #examine({ index, term }: EntryId): Promise<void> {
    const { storage, takeAnew, onWarning } = this.#options;
    const reader = await storage.read();
    if (reader === null) return;
    const { snapshot } = reader;
    let damage: unknown;
    try {
      if (snapshot.place.index !== index || snapshot.place.term !== term) return;
      damage = await this.#damageIn(reader);
    } finally {
      await reader.close();
    }
    if (damage === null || this.#isStopped) return;
    this.#damagedIndex = index;
    storage.distrust(snapshot);
    const message = `The snapshot of entry ${index} is damaged on this server: another one takes its place.`;
    onWarning(new RaftError("SNAPSHOT_DAMAGED", message, { cause: damage }));
    // If it fails, that was told, and the next who is sent the damaged one brings it up again.
    await takeAnew().catch(() => undefined);
  }

  /** What is wrong with it, or null. */
  async #damageIn(reader: SnapshotReader): Promise<unknown> {
    const pieces = new BodyReader(this.#options.clock, reader).state();
    try {
      for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
        if (this.#isStopped) return null;
      }
      return null;
    } catch (error) {
      return error;
    }
  }
}
