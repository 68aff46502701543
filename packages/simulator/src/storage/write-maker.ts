/**
 * Makes up writes that fit the log: terms that do not fall, truncations above what is compacted, entries of all kinds,
 * and now and then a log that begins anew, as after a snapshot.
 */

import {
  type Entry,
  type EntryId,
  type EntryKind,
  encodeConfiguration,
  foundingConfiguration,
  NOBODY,
  type Random,
  type Write,
} from "@quorate/core";
import { LogModel } from "./log-model.js";
import type { StorageParameters } from "./storage-parameters.js";

export class WriteMaker {
  readonly #parameters: StorageParameters;
  #seq = 0;

  constructor(parameters: StorageParameters) {
    this.#parameters = parameters;
  }

  /** One or several, to be carried out together. */
  make(random: Random, before: LogModel): Write[] {
    const writes: Write[] = [];
    let model = before;
    const count = random.between(0, 1) < 0.7 ? 1 : Math.floor(random.between(2, 4));
    for (let made = 0; made < count; made += 1) {
      const write = this.#makeWrite(random, model);
      writes.push(write);
      model = model.after([write]);
    }
    return writes;
  }

  #makeWrite(random: Random, before: LogModel): Write {
    this.#seq += 1;
    const whole = (low: number, high: number): number => Math.floor(random.between(low, high + 1));
    const reset = random.between(0, 1) < 0.05 ? this.#makePlace(random, before) : null;
    const model = reset === null ? before : new LogModel(before.hardState, reset, []);
    const first = model.compacted.index + 1;
    const isTruncating = model.lastIndex >= first && random.between(0, 1) < 0.25;
    const truncateFrom = isTruncating ? whole(first, model.lastIndex) : null;
    const from = truncateFrom ?? model.lastIndex + 1;
    const count = random.between(0, 1) < 0.1 ? 0 : whole(1, this.#parameters.maxEntries);
    // Terms never fall along a log, and what replaces an entry is of a later one (Log Matching).
    const lastTerm = Math.max(model.at(from - 1)?.term ?? model.compacted.term, (model.at(from)?.term ?? 0) + 1);
    const term = lastTerm + (random.between(0, 1) < 0.3 ? 1 : 0);
    const currentTerm = Math.max(model.hardState.currentTerm, term) + (random.between(0, 1) < 0.1 ? 1 : 0);
    const votedFor = random.between(0, 1) < 0.3 ? whole(1, 5) : NOBODY;
    const isChanged = currentTerm > model.hardState.currentTerm || votedFor !== NOBODY;
    const hardState = isChanged ? { currentTerm, votedFor } : null;
    const append = Array.from({ length: count }, (_, place) => this.#makeEntry(random, from + place, term));
    return { seq: this.#seq, hardState, reset, truncateFrom, append };
  }

  /** In the log or after it, near or far; of a later term than what is there, or else it would not be reset. */
  #makePlace(random: Random, model: LogModel): EntryId {
    const { compacted, lastIndex } = model;
    const reach = random.between(0, 1) < 0.5 ? lastIndex : lastIndex + random.between(1, 5_000);
    const index = Math.floor(random.between(compacted.index + 1, reach + 1));
    return { index, term: (model.at(index)?.term ?? model.lastTerm) + 1 };
  }

  #makeEntry(random: Random, index: number, term: number): Entry {
    const roll = random.between(0, 1);
    const kind: EntryKind = roll < 0.85 ? "command" : roll < 0.95 ? "noop" : "membership";
    if (kind === "membership") {
      const id = 1 + Math.floor(random.between(0, 9));
      return {
        index,
        term,
        kind,
        data: encodeConfiguration(foundingConfiguration([{ id, name: `n${id}`, address: `a${id}` }])),
      };
    }
    const data = new Uint8Array(kind === "noop" ? 0 : Math.floor(random.between(0, this.#parameters.maxDataBytes)));
    for (let place = 0; place < data.length; place += 7) data[place] = random.nextUint32();
    return { index, term, kind, data };
  }
}
