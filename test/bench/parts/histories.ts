/**
 * A long history of registers that support compare-and-set, one for each key: what `pnpm bench linearizability` checks.
 *
 * It is made by clients of registers that are linearizable, so the verdict is known. Some operations have an
 * unknown outcome: half of these never take effect, the others do so at once or much later.
 */

import type { HistoryEvent } from "@quorate/linearizability";

export interface HistoryOrder {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** The part of the operations of which nobody learns what became of them: 0.01 is 1 %. */
  readonly unknown: number;
}

export function makeHistory(order: HistoryOrder, seed: number): HistoryEvent[] {
  return new Clients(order, seed).run();
}

/** What a client is about to do next: one of its operations has three moments. */
type Moment = "invoke" | "takeEffect" | "return";

interface Client {
  process: number;
  moment: Moment;
  f: "read" | "write" | "cas";
  key: number;
  input: unknown;
  output: unknown;
  isUnknown: boolean;
}

/** At most so many moments pass before an operation takes effect whose client has given up. */
const MOST_DELAY = 10_000;

class Clients {
  readonly #order: HistoryOrder;
  readonly #keys: readonly string[];
  readonly #values: (number | null)[];
  readonly #clients: Client[];
  readonly #late = new Map<number, Client[]>();
  readonly #history: HistoryEvent[] = [];
  #random: number;
  #nextProcess: number;
  #nextValue = 1;

  constructor(order: HistoryOrder, seed: number) {
    this.#order = order;
    this.#keys = Array.from({ length: order.keys }, (_, key) => `k${key}`);
    this.#values = Array.from({ length: order.keys }, () => null);
    this.#nextProcess = order.clients;
    this.#random = seed;
    const idle = {
      moment: "invoke",
      f: "read",
      key: 0,
      input: undefined,
      output: undefined,
      isUnknown: false,
    } as const;
    this.#clients = Array.from({ length: order.clients }, (_, process) => ({ ...idle, process }));
  }

  run(): HistoryEvent[] {
    for (let moment = 0, invoked = 0; invoked < this.#order.operations; moment += 1) {
      for (const client of this.#late.get(moment) ?? []) this.#takeEffect(client);
      const client = this.#clients[this.#below(this.#clients.length)] as Client;
      if (client.moment === "invoke") {
        this.#invoke(client);
        invoked += 1;
      } else if (client.moment === "return") {
        this.#end(client, this.#outcomeOf(client));
      } else if (client.isUnknown) {
        this.#giveUp(client, moment);
      } else {
        this.#takeEffect(client);
        client.moment = "return";
      }
    }
    return this.#history;
  }

  #invoke(client: Client): void {
    const choice = this.#below(10);
    client.f = choice < 5 ? "read" : choice < 8 ? "write" : "cas";
    client.key = this.#below(this.#order.keys);
    client.input = undefined;
    client.output = undefined;
    client.isUnknown = this.#below(1_000_000) < this.#order.unknown * 1_000_000;
    if (client.f === "write") client.input = this.#newValue();
    if (client.f === "cas") client.input = [this.#values[client.key], this.#newValue()];
    client.moment = "takeEffect";
    this.#push(client, "invoke", client.input);
  }

  #newValue(): number {
    this.#nextValue += 1;
    return this.#nextValue;
  }

  #takeEffect(client: Client): void {
    const { f, key, input } = client;
    const value = this.#values[key] as number | null;
    if (f === "read") client.output = value;
    else if (f === "write") this.#values[key] = input as number;
    else {
      const [from, to] = input as [number | null, number];
      client.output = from === value;
      if (from === value) this.#values[key] = to;
    }
  }

  #outcomeOf({ f, output }: Client): "ok" | "fail" {
    return f === "cas" && output === false ? "fail" : "ok";
  }

  /** The client goes on as another process. */
  #giveUp(client: Client, moment: number): void {
    if (this.#below(2) === 0) {
      const at = moment + 1 + this.#below(MOST_DELAY);
      this.#late.set(at, [...(this.#late.get(at) ?? []), { ...client }]);
    }
    this.#end(client, "info");
    client.process = this.#nextProcess;
    this.#nextProcess += 1;
  }

  #end(client: Client, type: "ok" | "fail" | "info"): void {
    this.#push(client, type, client.f === "read" && type === "ok" ? client.output : client.input);
    client.moment = "invoke";
  }

  #push({ process, f, key }: Client, type: HistoryEvent["type"], value: unknown): void {
    this.#history.push({ process, type, f, key: this.#keys[key] as string, value });
  }

  /** A whole number from 0 to less than `limit`: xorshift, so that a seed always gives the same history. */
  #below(limit: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % limit;
  }
}
