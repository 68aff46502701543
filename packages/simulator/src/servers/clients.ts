/**
 * Clients: each sends one request after the other, to any server, waits for the answer or turns to something else, and
 * writes down what it asked and what it was told.
 */

import { RaftError } from "@quorate/contracts";
import type { Consistency } from "@quorate/runtime";
import type { Dice } from "./dice.js";
import type { Machine } from "./machine.js";
import type { Outcomes } from "./outcomes.js";
import type { Call } from "./scenario.js";
import type { ServersParameters } from "./servers-parameters.js";
import { SessionCaller } from "./session-caller.js";
import type { SimulatedTime } from "./simulated-time.js";

/** A line of a history, in the format of `@quorate/linearizability`. */
export interface HistoryEvent {
  readonly process: number;
  readonly type: "invoke" | "ok" | "fail" | "info";
  readonly f: "put" | "append" | "get";
  readonly key: string;
  readonly value?: string;
}

export interface ClientsOptions {
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly parameters: ServersParameters;
  readonly machines: readonly Machine[];
  readonly outcomes: Outcomes;
  readonly without: ReadonlySet<string>;
  onAsked(client: string, text: () => string, unit: string): void;
  onAnswered(client: string, text: () => string, unit: string, error: RaftError | null): void;
  /** A stale read was answered by what its server knew. */
  onStaleRead(): void;
  onAbandoned(): void;
  onRetried(): void;
  /** An attempt in a session was refused. */
  onRefused(error: RaftError): void;
  onOddError(error: unknown, asked: string): void;
}

interface Request {
  readonly client: string;
  readonly id: string;
  readonly unit: string;
  readonly machine: Machine;
  readonly f: HistoryEvent["f"];
  readonly key: string;
  readonly value: string;
  readonly process: number;
  /** Of a read; linearizable unless it says otherwise. */
  readonly consistency?: Consistency;
  /** Null without a session of the client's own. */
  readonly caller: SessionCaller | null;
}

/** The name of the register with this number, from 0 on. */
export function keyName(number: number): string {
  return `k${number + 1}`;
}

const ABANDONED = new RaftError("OUTCOME_UNKNOWN", "The client did not wait.");

export class Clients {
  readonly history: HistoryEvent[] = [];
  readonly #options: ClientsOptions;
  /** Of each client, from the first on. */
  readonly #callers: (SessionCaller | null)[] = [];
  #processes = 0;
  #requests = 0;
  #pending = 0;
  #isOver = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Requests without an answer. */
  get pending(): number {
    return this.#pending;
  }

  /** Requests of sessions to servers that were not answered yet, also those that nobody waits for any more. */
  get attempts(): number {
    return this.#callers.reduce((sum, caller) => sum + (caller?.attempts ?? 0), 0);
  }

  start(): void {
    const { time, dice, parameters } = this.#options;
    for (let client = 1; client <= parameters.clients; client += 1) {
      const process = this.#newProcess();
      const caller = dice.roll("session", client) < parameters.sessionRate ? this.#newCaller(client) : null;
      this.#callers.push(caller);
      time.schedule(dice.roll("request", client) * parameters.thinkMs, () => this.#next(client, 1, process));
    }
  }

  #newCaller(client: number): SessionCaller {
    const { dice, parameters, machines, onRetried, onRefused } = this.#options;
    let rolls = 0;
    const roll = (): number => {
      rolls += 1;
      return dice.roll("session", client, rolls);
    };
    return new SessionCaller({ machines, roll, timeoutMs: parameters.requestTimeoutMs, onRetried, onRefused });
  }

  /** Sends each call at its time. Those after the faults have stopped are sent as well. */
  schedule(calls: readonly Call[]): void {
    const { time, machines, without } = this.#options;
    for (const [place, { atMs, server, f, key, timeoutMs }] of calls.entries()) {
      const unit = `call${place + 1}`;
      const machine = machines[(server - 1) % machines.length] as Machine;
      const process = this.#newProcess();
      if (without.has(unit)) continue;
      const request = {
        client: `caller ${place + 1}`,
        id: unit,
        unit,
        machine,
        f,
        key,
        value: `${place + 1} `,
        process,
        caller: null,
      };
      time.schedule(atMs, () => void this.ask(request, timeoutMs));
    }
  }

  /** No client asks for anything more. */
  stop(): void {
    this.#isOver = true;
  }

  #newProcess(): number {
    this.#processes += 1;
    return this.#processes;
  }

  #next(client: number, number: number, process: number): void {
    if (this.#isOver) return;
    const { time, dice, parameters, machines, without } = this.#options;
    const roll = (what: number): number => dice.roll("request", client, number, what);
    const again = (by: number): void => {
      const pauseMs = roll(1) * 2 * parameters.thinkMs;
      time.schedule(time.now + pauseMs, () => this.#next(client, number + 1, by));
    };
    const unit = `c${client}#${number}`;
    if (without.has(unit)) return again(process);
    const isRead = roll(2) < parameters.readRate;
    const quality = roll(8);
    const request: Request = {
      client: `client ${client}`,
      id: unit,
      unit,
      machine: machines[Math.floor(roll(3) * machines.length)] as Machine,
      f: isRead ? "get" : roll(4) < 0.15 ? "put" : "append",
      key: keyName(Math.floor(roll(5) * parameters.keys)),
      value: `${client}.${number} `,
      process,
      consistency:
        quality < parameters.leaseRate
          ? "lease"
          : quality > 1 - parameters.staleRate * (1 - parameters.leaseRate)
            ? "stale"
            : "linearizable",
      caller: this.#callers[client - 1] ?? null,
    };
    const answered = this.ask(request, parameters.requestTimeoutMs);
    if (roll(6) < parameters.abandonRate) {
      this.#options.onAbandoned();
      // Somebody else goes on; what becomes of the request is still looked at.
      return again(this.#newProcess());
    }
    void answered.then((outcome) => {
      if (outcome === "unknown" && !this.#isOver && roll(7) < parameters.retryRate) {
        this.#options.onRetried();
        // As somebody who does not know of the first one: it may be executed as well.
        const retry = { ...request, id: `${unit}r`, process: this.#newProcess(), caller: null };
        void this.ask(retry, parameters.requestTimeoutMs);
      }
      if (request.caller?.isMisusing === true) void this.#misuse(request.caller, request);
      // A process whose request may still take effect asks for nothing more; its client goes on as another.
      again(outcome === "unknown" ? this.#newProcess() : process);
    });
  }

  /**
   * Someone mistrusts leases: writes on the new leader, and then reads on the one that does not know of it yet. In the
   * midst of what else goes on, hardly ever a read comes in the short time in which a lease that is too long would show.
   */
  compare(leader: Machine, former: Machine): void {
    const { time, parameters } = this.#options;
    if (this.#isOver || parameters.leaseRate === 0) return;
    this.#requests += 1;
    const id = `rivals${this.#requests}`;
    const request: Request = {
      ...{ client: "sceptic", id, unit: "", key: keyName(0), value: `${id} ` },
      ...{ machine: leader, f: "append", process: this.#newProcess(), caller: null },
    };
    time.schedule(time.now, () => void this.#askBoth(request, former));
  }

  async #askBoth(write: Request, former: Machine): Promise<void> {
    const { requestTimeoutMs } = this.#options.parameters;
    if ((await this.ask(write, requestTimeoutMs)) !== "ok") return;
    const read: Request = { ...write, id: `${write.id}r`, machine: former, f: "get", consistency: "lease" };
    await this.ask({ ...read, process: this.#newProcess() }, requestTimeoutMs);
  }

  /** Sends a request of its own, outside of all clients; says whether it was answered. */
  async request(machine: Machine, f: HistoryEvent["f"], key: string, timeoutMs: number): Promise<boolean> {
    this.#requests += 1;
    const id = `last${this.#requests}`;
    const process = this.#newProcess();
    const request = { client: "operator", id, unit: "", machine, f, key, value: `${id} `, process, caller: null };
    return (await this.ask(request, timeoutMs)) === "ok";
  }

  /** A request to a server that crashes meanwhile is never answered. */
  async ask(request: Request, timeoutMs: number): Promise<"ok" | "failed" | "unknown"> {
    const { client, unit, machine, f, key, value, caller } = request;
    const { onAsked, onAnswered } = this.#options;
    this.#pending += 1;
    this.#record(request, "invoke", f === "get" ? undefined : value);
    const where = caller === null || f === "get" ? machine.name : "any server";
    const how = f === "get" ? ` (${request.consistency ?? "linearizable"})` : ` "${value}"`;
    onAsked(client, () => `${request.id} to ${where}: ${f} ${key}${how}`, unit);
    const done = f === "get" ? this.#read(request, timeoutMs) : this.#propose(request, timeoutMs);
    const ended = machine.whenEnded().then(() => new RaftError("OUTCOME_UNKNOWN", `${machine.name} died.`));
    const answer = await (caller === null || f === "get" ? Promise.race([done, ended]) : done);
    this.#pending -= 1;
    if (typeof answer === "string") {
      this.#record(request, "ok", f === "get" ? answer : value);
      onAnswered(client, () => `${request.id}: ${f === "get" ? `reads "${answer}"` : "done"}`, unit, null);
      return "ok";
    }
    const isUnknown = f !== "get" && answer.outcome === "unknown";
    this.#record(request, isUnknown ? "info" : "fail", undefined);
    onAnswered(client, () => `${request.id}: ${answer.code}`, unit, answer);
    return isUnknown ? "unknown" : "failed";
  }

  /** Another command under a number that was used: whatever it is told, it is not executed. */
  async #misuse(caller: SessionCaller, { id: used, key, value }: Request): Promise<void> {
    const { outcomes } = this.#options;
    const id = `${used}x`;
    try {
      outcomes.onResult(id, await caller.misuse({ id, f: "append", key, value }), 0);
    } catch (error) {
      outcomes.onNeverExecuted(id, this.#known(error, id));
    }
  }

  async #propose({ id, machine, f, key, value, caller }: Request, timeoutMs: number): Promise<string | RaftError> {
    const { outcomes } = this.#options;
    const floor = outcomes.acknowledgedLength;
    const command = { id, f: f as "put" | "append", key, value, isNewFormat: machine.takesNewFormat };
    try {
      const place = await (caller === null ? machine.propose(command, timeoutMs) : caller.propose(command));
      outcomes.onResult(id, place, floor);
      return value;
    } catch (error) {
      const known = this.#known(error, id);
      outcomes.onRefused(id, known);
      return known;
    }
  }

  async #read(request: Request, timeoutMs: number): Promise<string | RaftError> {
    const { id, machine, key, consistency = "linearizable" } = request;
    if (consistency === "stale") return this.#readStale(request, timeoutMs);
    const { outcomes } = this.#options;
    const floor = outcomes.acknowledgedLength;
    try {
      const { length, value } = await machine.read(key, { consistency, timeoutMs });
      outcomes.onRead(machine.name, length, floor);
      return value;
    } catch (error) {
      return this.#known(error, id);
    }
  }

  async #readStale({ id, machine, key }: Request, timeoutMs: number): Promise<string | RaftError> {
    const { outcomes, time, parameters, onStaleRead } = this.#options;
    const { maxStalenessMs } = parameters;
    const beganAt = time.now;
    const floor = outcomes.acknowledgedBefore(beganAt - maxStalenessMs);
    try {
      const { length, value } = await machine.read(key, { consistency: "stale", maxStalenessMs, timeoutMs });
      if (time.now === beganAt) onStaleRead();
      outcomes.onStaleRead(machine.name, length, floor, maxStalenessMs);
      return value;
    } catch (error) {
      return this.#known(error, id);
    }
  }

  #known(error: unknown, asked: string): RaftError {
    if (error instanceof RaftError) return error;
    this.#options.onOddError(error, asked);
    return ABANDONED;
  }

  /** What may be old is no part of a history that must be linearizable. */
  #record({ process, f, key, consistency }: Request, type: HistoryEvent["type"], value: string | undefined): void {
    if (f === "get" && consistency === "stale") return;
    this.history.push(value === undefined ? { process, type, f, key } : { process, type, f, key, value });
  }
}
