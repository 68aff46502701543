/** What a seed decides: the size of the cluster, the load, and how hostile the world is. */

import type { Random } from "@quorate/core";

export interface Parameters {
  readonly servers: number;
  readonly clients: number;
  /** How long faults happen, in simulated milliseconds. */
  readonly faultyMs: number;
  /** The share of messages that are lost, and that arrive twice. */
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** Every message takes a delay between these two; independent delays reorder. */
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** The share of messages that are held back ten times as long, past an election. */
  readonly limboRate: number;
  /** How long a write takes at most. */
  readonly maxWriteMs: number;
  /** The mean time between two faults of each kind; Infinity where the seed leaves that kind out. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly pauseEveryMs: number;
}

/** Draws everything anew for each seed, and switches a random subset of the faults on. */
export function drawParameters(random: Random): Parameters {
  const isOn = (): boolean => random.between(0, 1) < 0.6;
  const whole = (low: number, high: number): number => Math.floor(random.between(low, high + 1));
  const minDelayMs = random.between(0.1, 2);
  return {
    servers: [1, 2, 3, 3, 3, 4, 5, 5][whole(0, 7)] as number,
    clients: whole(1, 8),
    faultyMs: random.between(3_000, 12_000),
    lossRate: isOn() ? random.between(0, 0.2) : 0,
    duplicationRate: isOn() ? random.between(0, 0.1) : 0,
    minDelayMs,
    maxDelayMs: minDelayMs + random.between(0.1, 40),
    limboRate: isOn() ? random.between(0, 0.02) : 0,
    maxWriteMs: random.between(0.1, 30),
    crashEveryMs: isOn() ? random.between(300, 3_000) : Number.POSITIVE_INFINITY,
    partitionEveryMs: isOn() ? random.between(300, 3_000) : Number.POSITIVE_INFINITY,
    pauseEveryMs: isOn() ? random.between(300, 3_000) : Number.POSITIVE_INFINITY,
  };
}
