/**
 * Group commit: one write is under way at a time, and what comes meanwhile goes with the next. No timer delays a lone
 * write. The first failure is the last thing that happens here (PITFALLS P5).
 */

import { type Clock, type LogStorage, RaftError } from "@quorate/contracts";
import type { Write } from "@quorate/core";

/** What goes into one durable step, in payload bytes, unless a single write is larger: encoding it takes the loop's time. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

export interface WriteQueueOptions {
  readonly storage: LogStorage;
  readonly clock: Clock;
  /** Everything up to `seq` is durable. Does not throw. */
  readonly onStored: (seq: number) => void;
  readonly onFailed: (error: RaftError) => void;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #waiting: Write[] = [];
  #startedAt: number | null = null;
  #isStopped = false;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** When the write under way began; null if none is. */
  get startedAt(): number | null {
    return this.#startedAt;
  }

  push(write: Write): void {
    this.#waiting.push(write);
    if (this.#startedAt === null) this.#start();
  }

  /** Nothing is written or reported from here on; the write under way is the storage's to finish. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
  }

  #start(): void {
    const batch = this.#takeBatch();
    const last = batch[batch.length - 1];
    if (last === undefined || this.#isStopped) return;
    this.#startedAt = this.#options.clock.now();
    let written: Promise<void>;
    try {
      written = this.#options.storage.write(batch);
    } catch (cause) {
      this.#onFailed(cause);
      return;
    }
    written.then(
      () => this.#onStored(last.seq),
      (cause: unknown) => this.#onFailed(cause),
    );
  }

  #takeBatch(): Write[] {
    let sizeBytes = 0;
    let count = 0;
    for (const { append } of this.#waiting) {
      for (const { data } of append) sizeBytes += data.length;
      if (count > 0 && sizeBytes > MAX_BATCH_BYTES) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  #onStored(seq: number): void {
    if (this.#isStopped) return;
    this.#startedAt = null;
    this.#options.onStored(seq);
    this.#start();
  }

  #onFailed(cause: unknown): void {
    if (this.#isStopped) return;
    this.stop();
    this.#options.onFailed(new RaftError("STORAGE_FAILED", "The log could not be written.", { cause }));
  }
}
