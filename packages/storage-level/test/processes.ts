/** Other processes, which do what `worker.ts` says. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export class Worker {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly lines: string[] = [];
  readonly #watchers = new Set<() => void>();
  #errors = "";

  /** With `fileBlocks`, no file of it may grow larger than so many blocks of 512 bytes. */
  constructor(task: "write" | "writeUntilFailure" | "hold", directory: string, fileBlocks?: number) {
    const command = [process.execPath, "--conditions=source", "--import", "tsx", WORKER, task, directory];
    const limit = `ulimit -f ${fileBlocks} && exec "$@"`;
    const [file = "", ...rest] = fileBlocks === undefined ? command : ["sh", "-c", limit, "sh", ...command];
    this.#process = spawn(file, rest, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    this.#exited = once(this.#process, "close");
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    if (this.#process.stdout !== null) {
      createInterface(this.#process.stdout).on("line", (line) => {
        this.lines.push(line);
        for (const watcher of this.#watchers) watcher();
      });
    }
    this.#process.on("close", () => {
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** Resolves as soon as the worker has said `line`. */
  async said(line: string): Promise<void> {
    await this.#until(() => this.lines.includes(line));
  }

  async saidAnything(): Promise<string> {
    await this.#until(() => this.lines.length > 0);
    return this.lines[0] ?? "";
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  /** Lets it come to its own end. */
  async end(): Promise<void> {
    this.#process.stdin?.end();
    await this.#exited;
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = (): void => {
        const hasEnded = this.#process.exitCode !== null || this.#process.signalCode !== null;
        if (!isSo() && !hasEnded) return;
        this.#watchers.delete(watch);
        if (isSo()) resolve();
        else reject(new Error(`The worker ended, and said ${this.lines.join(", ")} ${this.#errors}`));
      };
      this.#watchers.add(watch);
      watch();
    });
  }
}
