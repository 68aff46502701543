/**
 * Messages on their way: a list, oldest first. A link is one direction between two servers; it may be cut (what would
 * arrive is lost) or held (what is sent waits until somebody delivers or drops it by hand).
 */

import type { NodeId } from "../../src/index.js";
import type { Travelling } from "./server.js";

export interface Envelope {
  /** Rises with every message sent, copies included. */
  readonly number: number;
  readonly message: Travelling;
  /** When it arrives; Infinity while it is held. */
  dueAt: number;
}

/** Which messages are meant; what is not given is any. */
export interface Selection {
  readonly from?: NodeId | undefined;
  readonly to?: NodeId | undefined;
  readonly kind?: string | undefined;
}

function selects(selection: Selection, { from, to, kind }: Selection): boolean {
  return (
    (selection.from === undefined || selection.from === from) &&
    (selection.to === undefined || selection.to === to) &&
    (selection.kind === undefined || selection.kind === kind)
  );
}

export class Network {
  readonly latencyMs = 1;
  #inFlight: Envelope[] = [];
  #lastNumber = 0;
  #holds: Selection[] = [];
  readonly #cuts = new Set<string>();

  get inFlight(): readonly Envelope[] {
    return this.#inFlight;
  }

  send(message: Travelling, now: number): Envelope {
    const isHeld = this.#holds.some((selection) => selects(selection, message));
    this.#lastNumber += 1;
    const envelope = {
      number: this.#lastNumber,
      message,
      dueAt: isHeld ? Number.POSITIVE_INFINITY : now + this.latencyMs,
    };
    this.#inFlight.push(envelope);
    return envelope;
  }

  /** The message that arrives first, the one sent first among several; not one to a receiver in `except`. */
  next(except: ReadonlySet<NodeId>): Envelope | undefined {
    let first: Envelope | undefined;
    for (const envelope of this.#inFlight) {
      if (except.has(envelope.message.to)) continue;
      if (envelope.dueAt < (first?.dueAt ?? Number.POSITIVE_INFINITY)) first = envelope;
    }
    return first;
  }

  /** What is on its way and selected, oldest first. */
  select(selection: Selection): Envelope[] {
    return this.#inFlight.filter(({ message }) => selects(selection, message));
  }

  remove(envelope: Envelope): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== envelope);
  }

  /** What is sent from now on, and what is on its way, waits. */
  hold(selection: Selection): void {
    this.#holds.push(selection);
    for (const envelope of this.select(selection)) envelope.dueAt = Number.POSITIVE_INFINITY;
  }

  /** Ends every hold; what waits goes on its way. */
  release(now: number): void {
    this.#holds = [];
    for (const envelope of this.#inFlight) {
      if (envelope.dueAt === Number.POSITIVE_INFINITY) envelope.dueAt = now + this.latencyMs;
    }
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  mend(from: NodeId, to: NodeId): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Mends every link. */
  heal(): void {
    this.#cuts.clear();
  }
}
