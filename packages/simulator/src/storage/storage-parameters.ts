/** What a seed decides in the world of storage: what is asked of it how often, and what happens to its disk. */

import type { Random } from "@quorate/core";

export const DEEDS = ["write", "read", "compact", "finish", "crash", "reopen", "fail", "fill", "flip"] as const;
export type Deed = (typeof DEEDS)[number];

export interface StorageParameters {
  readonly actions: number;
  readonly maxEntries: number;
  readonly maxDataBytes: number;
  readonly weights: Readonly<Record<Deed, number>>;
}

export function drawStorageParameters(random: Random): StorageParameters {
  const swarm = (low: number, high: number): number => (random.between(0, 1) < 0.6 ? random.between(low, high) : 0);
  return {
    actions: Math.floor(random.between(20, 150)),
    maxEntries: Math.floor(random.between(1, 40)),
    maxDataBytes: Math.floor(random.between(1, random.between(2, 6_000))),
    weights: {
      write: random.between(5, 20),
      read: random.between(2, 20),
      finish: random.between(2, 20),
      compact: swarm(0.2, 3),
      crash: swarm(0.2, 3),
      reopen: swarm(0.2, 2),
      fail: swarm(0.1, 1),
      fill: swarm(0.1, 1),
      flip: random.between(0, 1) < 0.2 ? 2 : 0,
    },
  };
}
