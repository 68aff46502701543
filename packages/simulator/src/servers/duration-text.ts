/** Milliseconds for people. */
export function durationText(durationMs: number): string {
  return `${durationMs.toFixed(0)} ms`;
}
