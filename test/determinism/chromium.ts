/** A Chromium without a window, which runs a page and is gone when that has answered. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Outcome } from "./outcomes.js";
import { servePage } from "./page-server.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const STDERR_CHARACTERS = 4_000;

/** The program that QUORATE_CHROMIUM names, or else one on the PATH; null if there is none. */
export function findChromium(): string | null {
  const named = process.env["QUORATE_CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What the seeds led to in the page whose script is given. Rejects if it fails, or takes longer than `timeoutMs`. */
export async function exploreInChromium(
  program: string,
  script: string,
  seeds: readonly number[],
  timeoutMs: number,
): Promise<Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), "quorate-chromium-"));
  const server = await servePage(script, seeds);
  const browser = new Browser(program, folder, server.url);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(browser.error(`did not answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([server.outcomes, browser.ended, timeout]);
  } finally {
    clearTimeout(timer);
    await browser.kill();
    await server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Browser {
  /** Never resolves; rejects when the program ends, or does not even start. */
  readonly ended: Promise<never>;
  readonly #program: string;
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stderr = "";

  constructor(program: string, folder: string, url: string) {
    this.#program = program;
    this.#process = spawn(
      program,
      [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--no-proxy-server",
        `--user-data-dir=${folder}`,
        url,
      ],
      // Whatever it leaves in its home goes away with the folder.
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: folder } },
    );
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    // All its processes write to one stderr, so when that closes, all of them are gone.
    this.#closed = once(this.#process, "close");
    this.ended = new Promise((_, reject) => {
      this.#process.on("error", ({ message }) => reject(this.error(`could not be started: ${message}`)));
      this.#process.on("close", (code, signal) => reject(this.error(`ended with ${signal ?? `exit code ${code}`}`)));
    });
    // It also ends when it is killed, and by then nobody waits for it.
    this.ended.catch(() => undefined);
  }

  error(what: string): Error {
    return new Error(`${this.#program} ${what}; it wrote to stderr:\n${this.#stderr}`);
  }

  /** Resolves when no process of it is left. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#closed.catch(() => undefined);
  }
}
