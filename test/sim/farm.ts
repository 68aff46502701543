/**
 * Simulations in other processes: as many at once as there are processors. A run that ends its process, or that never
 * ends, is an answer like any other; the process is replaced, and what it had not begun goes to another one.
 */

import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { RunReport } from "@quorate/simulator";
import type { Order, Reply } from "./runner.js";

export type Answer =
  | { readonly kind: "report"; readonly report: RunReport }
  /** The simulator threw, or its process ended; in words. */
  | { readonly kind: "crashed"; readonly detail: string }
  /** Nothing was heard of it for so long that it was ended. */
  | { readonly kind: "hung" };

export interface FarmOptions {
  /** Default: as many as can run at once. */
  readonly processes?: number;
  /** After how many seconds of silence a run is given up. Default: 60. */
  readonly patienceSeconds?: number;
  /** The program of each process. Tests put broken ones in its place. */
  readonly program?: URL;
}

interface Task {
  readonly order: Order;
  readonly patienceSeconds: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface Runner {
  readonly child: ChildProcess;
  isReady: boolean;
  /** What it was given, in order: the first is under way, the next waits so that no time is lost in between. */
  readonly tasks: Task[];
  /** How many seconds went by without a word. */
  silentSeconds: number;
  /** The last that it wrote to standard error. */
  complaint: string;
  isGivenUp: boolean;
}

const TASKS_PER_RUNNER = 2;
/** How long a process may take to load the simulator. */
const START_SECONDS = 60;
const COMPLAINT_CHARACTERS = 4_000;
const TSX = import.meta.resolve("tsx");

export class Farm {
  readonly #program: string;
  readonly #patienceSeconds: number;
  readonly #waiting: Task[] = [];
  readonly #runners = new Set<Runner>();
  readonly #second: NodeJS.Timeout;
  readonly #onExit = (): void => this.#kill();
  #isClosed = false;
  readonly processes: number;

  constructor({ processes = availableParallelism(), patienceSeconds = 60, program }: FarmOptions = {}) {
    this.processes = processes;
    this.#patienceSeconds = patienceSeconds;
    this.#program = fileURLToPath(program ?? new URL("./runner-main.ts", import.meta.url));
    // Seconds that this process did not live through, in a suspended machine, do not count.
    this.#second = setInterval(() => this.#onSecond(), 1_000);
    process.on("exit", this.#onExit);
  }

  /** How many orders can be given before one has to wait. */
  get capacity(): number {
    return this.processes * TASKS_PER_RUNNER;
  }

  /** Rejects only if the program cannot be started, or the farm is closed. */
  async run(order: Order, patienceSeconds: number = this.#patienceSeconds): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, patienceSeconds, resolve, reject });
      this.#assign();
    });
  }

  /** Ends all processes, and whatever they do. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#second);
    process.off("exit", this.#onExit);
    const left = [...this.#waiting.splice(0), ...[...this.#runners].flatMap(({ tasks }) => tasks.splice(0))];
    this.#kill();
    for (const { reject } of left) reject(new FarmClosedError());
  }

  #kill(): void {
    for (const { child } of this.#runners) child.kill("SIGKILL");
  }

  // --- tasks ---

  #assign(): void {
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const runner = this.#leastBusy();
      if (runner === null) return;
      const task = this.#waiting.shift() as Task;
      if (runner.tasks.length === 0) runner.silentSeconds = 0;
      runner.tasks.push(task);
      if (runner.isReady) runner.child.send(task.order);
    }
  }

  #leastBusy(): Runner | null {
    const usable = [...this.#runners].filter(({ isGivenUp }) => !isGivenUp);
    const idle = usable.find(({ tasks }) => tasks.length === 0);
    if (idle !== undefined) return idle;
    if (usable.length < this.processes) return this.#start();
    const [least] = usable.sort((left, right) => left.tasks.length - right.tasks.length);
    return least !== undefined && least.tasks.length < TASKS_PER_RUNNER ? least : null;
  }

  #onReply(runner: Runner, reply: Reply): void {
    runner.silentSeconds = 0;
    if (reply.kind === "ready") {
      runner.isReady = true;
      for (const { order } of runner.tasks) runner.child.send(order);
      return;
    }
    const task = runner.tasks.shift();
    task?.resolve(reply.kind === "report" ? reply : { kind: "crashed", detail: reply.stack });
    this.#assign();
  }

  // --- processes ---

  #start(): Runner {
    const child = fork(this.#program, {
      execArgv: ["--conditions=source", "--max-old-space-size=1024", "--import", TSX],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "json",
    });
    const tasks: Task[] = [];
    const runner: Runner = { child, isReady: false, tasks, silentSeconds: 0, complaint: "", isGivenUp: false };
    this.#runners.add(runner);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      runner.complaint = (runner.complaint + text).slice(-COMPLAINT_CHARACTERS);
    });
    child.on("message", (reply: Reply) => this.#onReply(runner, reply));
    // A message to a process that is ending; its end is what counts.
    child.on("error", () => undefined);
    child.on("close", (code, signal) => this.#onClosed(runner, signal ?? `exit code ${code}`));
    return runner;
  }

  #onClosed(runner: Runner, how: string): void {
    this.#runners.delete(runner);
    const [current, ...next] = runner.tasks.splice(0);
    this.#waiting.unshift(...next);
    if (current !== undefined) {
      const detail = runner.complaint.trim() === "" ? `The process ended with ${how}.` : runner.complaint.trim();
      if (!runner.isReady) current.reject(new SimulatorStartError(detail));
      else current.resolve(runner.isGivenUp ? { kind: "hung" } : { kind: "crashed", detail });
    }
    this.#assign();
  }

  #onSecond(): void {
    for (const runner of this.#runners) {
      const task = runner.tasks[0];
      if (task === undefined) continue;
      runner.silentSeconds += 1;
      if (runner.silentSeconds < (runner.isReady ? task.patienceSeconds : START_SECONDS)) continue;
      runner.isGivenUp = true;
      runner.child.kill("SIGKILL");
    }
  }
}

/** What becomes of orders that a farm had not carried out when it was closed. */
export class FarmClosedError extends Error {
  override readonly name = "FarmClosedError";

  constructor() {
    super("The farm was closed before this was done.");
  }
}

/** The program of the farm did not get as far as being asked for anything. */
class SimulatorStartError extends Error {
  override readonly name = "SimulatorStartError";

  constructor(detail: string) {
    super(`The simulator does not start: ${detail}`);
  }
}
