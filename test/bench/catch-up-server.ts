/**
 * A server of `pnpm bench catch-up`, in a process of its own. Its state is a row of slots of equal size, which commands
 * overwrite in turn: so the log grows, and the state does not. Talks to its parent by messages.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { type CommandCodec, type CommittedCommand, openNode, type StateMachine } from "quorate";

export interface CatchUpTask {
  readonly id: string;
  readonly members: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly slots: number;
  readonly slotBytes: number;
}

/** From the parent. `load` proposes `entries` commands, or goes on until `stop`; the others are as they say. */
export type CatchUpOrder =
  | { readonly kind: "load"; readonly entries: number | null; readonly inFlight: number }
  | { readonly kind: "stop" }
  | { readonly kind: "close" };

export type CatchUpNotice =
  | {
      readonly kind: "status";
      readonly role: string;
      readonly term: number;
      readonly commitIndex: number;
      readonly appliedIndex: number;
      readonly rssMiB: number;
      /** The longest that the event loop was late since the last status, in milliseconds. */
      readonly loopDelayMs: number;
    }
  /** The load is over: how long each proposal took, in milliseconds. */
  | { readonly kind: "loaded"; readonly latenciesMs: readonly number[] };

const STATUS_EVERY_MS = 200;
const PAGE_BYTES = 2 ** 20;
/** The latencies of so many proposals are told: the newest. */
const MAX_LATENCIES = 100_000;

const task = JSON.parse(process.argv[2] ?? "{}") as CatchUpTask;
const PAGES = Math.ceil((task.slots * task.slotBytes) / PAGE_BYTES);

/**
 * The slots lie in pages, and a snapshot shares the pages with the state: whoever writes to a shared page copies it
 * first. So a snapshot of any size is taken at once, and costs as much memory as is written while it is read.
 */
class Slots implements StateMachine<Uint8Array, number> {
  #pages = Array.from({ length: PAGES }, () => Buffer.alloc(PAGE_BYTES));
  /** Of each page, whether a snapshot may still read it. */
  #isShared: boolean[] = Array.from({ length: PAGES }, () => false);

  apply({ command, index }: CommittedCommand<Uint8Array>): number {
    const at = (index % task.slots) * task.slotBytes;
    this.#ownPage(Math.floor(at / PAGE_BYTES)).set(command, at % PAGE_BYTES);
    return index;
  }

  #ownPage(place: number): Buffer {
    const page = this.#pages[place] as Buffer;
    if (!this.#isShared[place]) return page;
    const copy = Buffer.from(page);
    this.#pages[place] = copy;
    this.#isShared[place] = false;
    return copy;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    this.#isShared.fill(true);
    return piecesOf([...this.#pages]);
  }

  async restore(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let at = 0;
    for await (const piece of pieces) {
      for (let taken = 0; taken < piece.length; ) {
        const page = this.#ownPage(Math.floor(at / PAGE_BYTES));
        const part = piece.subarray(taken, taken + PAGE_BYTES - (at % PAGE_BYTES));
        page.set(part, at % PAGE_BYTES);
        at += part.length;
        taken += part.length;
      }
    }
  }
}

async function* piecesOf(pages: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pages;
}

const codec: CommandCodec<Uint8Array, number> = {
  encodeCommand: (command) => new Uint8Array(command),
  decodeCommand: (data) => new Uint8Array(data),
  encodeResult: (result) => new Uint8Array(Float64Array.of(result).buffer),
  decodeResult: (data) => new Float64Array(new Uint8Array(data).buffer)[0] as number,
};

const { id, members, directory } = task;
const node = await openNode<Uint8Array, number>({ id, members, directory, stateMachine: new Slots(), codec });
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();

function tell(notice: CatchUpNotice): void {
  process.send?.(notice);
}

const statusTimer = setInterval(() => {
  const { role, currentTerm: term, commitIndex, appliedIndex } = node.status();
  const loopDelayMs = delay.max / 1e6;
  delay.reset();
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  tell({ kind: "status", role, term, commitIndex, appliedIndex, rssMiB, loopDelayMs });
}, STATUS_EVERY_MS);

let isStopped = false;

async function load(entries: number | null, inFlight: number): Promise<void> {
  const payload = new Uint8Array(task.slotBytes);
  const latenciesMs: number[] = [];
  let taken = 0;
  isStopped = false;
  const one = async (): Promise<void> => {
    while (!isStopped && (entries === null || taken < entries)) {
      taken += 1;
      const place = taken % MAX_LATENCIES;
      const startedAt = performance.now();
      await node.propose(payload);
      latenciesMs[place] = performance.now() - startedAt;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  tell({ kind: "loaded", latenciesMs: latenciesMs.filter((each) => each !== undefined) });
}

process.on("message", (order: CatchUpOrder) => {
  if (order.kind === "load") void load(order.entries, order.inFlight);
  else if (order.kind === "stop") isStopped = true;
  else {
    clearInterval(statusTimer);
    void node.close().then(() => process.disconnect());
  }
});
