/** The trace of a run: what happened, in order, kept only when somebody wants to read it. */

import type { TraceEvent } from "./run.js";

export class Trace {
  readonly events: TraceEvent[] | null;

  constructor(isKept: boolean) {
    this.events = isKept ? [] : null;
  }

  /** `text` is asked for only if it is kept; unless a number is given, they count from 1. */
  add(atMs: number, where: string, kind: string, text: () => string, unit: string | null = null, number = 0): void {
    this.events?.push({ number: number || this.events.length + 1, atMs, where, kind, text: text(), unit });
  }
}
