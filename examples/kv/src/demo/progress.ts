/** What the demo says while it works: steps on standard output, or only on standard error when that is for JSON. */

const REFRESH_MS = 200;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #startedAt = performance.now();

  constructor(isJson: boolean) {
    this.#stream = isJson ? process.stderr : process.stdout;
  }

  say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(5);
    this.#clear();
    this.#stream.write(`${seconds} s  ${text}\n`);
  }

  /** Keeps one line up to date while `work` goes on; only where somebody can see it change. */
  async during<Result>(describe: () => string, work: Promise<Result>): Promise<Result> {
    const timer = setInterval(() => this.#show(describe()), REFRESH_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.#clear();
    }
  }

  #show(text: string): void {
    if (this.#stream.isTTY) this.#stream.write(`\r\u001b[K         ${text}`);
  }

  #clear(): void {
    if (this.#stream.isTTY) this.#stream.write("\r\u001b[K");
  }
}
