/** How long to wait before a peer is dialled again. */

export interface BackoffSettings {
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly random: () => number;
}

/**
 * After the first failure about `reconnectMinMs`, then twice as long each time, up to `reconnectMaxMs`; of that
 * between half and all, so that servers that lost each other at one moment do not meet again at one moment.
 */
export function redialDelayMs(failures: number, { reconnectMinMs, reconnectMaxMs, random }: BackoffSettings): number {
  const longestMs = Math.min(reconnectMinMs * 2 ** (failures - 1), reconnectMaxMs);
  return longestMs * (0.5 + random() / 2);
}
