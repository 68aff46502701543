/**
 * Tells whoever waits how far it is. On a terminal, one line that the next one replaces; elsewhere a line now and then,
 * so that a log shows that something happens.
 */

const QUIET_MS = 15_000;

export class Progress {
  readonly #label: string;
  readonly #steps: number;
  readonly #startedAt = performance.now();
  #done = 0;
  #toldAt = performance.now();

  /** `steps` things will be {@link finish}ed, each about as long as the other. */
  constructor(label: string, steps: number) {
    this.#label = label;
    this.#steps = steps;
  }

  finish(): void {
    this.#done += 1;
  }

  say(text: string): void {
    const line = `${this.#label}: ${text}${estimate(this.#done, this.#steps, performance.now() - this.#startedAt)}`;
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[K${line}`);
    } else if (performance.now() - this.#toldAt > QUIET_MS) {
      this.#toldAt = performance.now();
      process.stderr.write(`${line}\n`);
    }
  }

  /** Makes room for what is printed next. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
  }
}

/** How long the rest takes, if it goes on like this; nothing as long as there is nothing to tell it by. */
export function estimate(done: number, steps: number, elapsedMs: number): string {
  if (done === 0 || done >= steps) return "";
  const seconds = Math.ceil(((elapsedMs / done) * (steps - done)) / 1000);
  const left = seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return ` (${done} of ${steps}, about ${left} left)`;
}
