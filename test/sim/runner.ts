/**
 * One process that runs simulations, one after the other, as it is asked to. It knows nothing of the others: whatever
 * happens to it, be it an endless loop or no memory left, the process that asked sees it, and starts another.
 */

import { explore, type RunReport, replay, type Script } from "@quorate/simulator";

/** What to run: the run of a seed, or a script. */
export type Order =
  | { readonly kind: "explore"; readonly seed: number }
  | { readonly kind: "replay"; readonly script: Script; readonly isTraced: boolean };

export type Reply =
  | { readonly kind: "ready" }
  | { readonly kind: "report"; readonly report: RunReport }
  /** The simulator itself threw. */
  | { readonly kind: "thrown"; readonly stack: string };

/** What the simulator is; tests put broken ones in its place. */
export interface Simulator {
  readonly explore: typeof explore;
  readonly replay: typeof replay;
}

export const simulator: Simulator = { explore, replay };

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

async function carryOut(order: Order, { explore, replay }: Simulator): Promise<Reply> {
  try {
    const report =
      order.kind === "explore"
        ? await explore(order.seed, { settle })
        : await replay(order.script, { settle, isTraced: order.isTraced });
    // A rejection that nobody handled shows now, and so belongs to this run.
    await settle();
    return { kind: "report", report };
  } catch (error) {
    return { kind: "thrown", stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Serves the process that started this one, until that ends. */
export function serve(simulator: Simulator): void {
  const reply = (message: Reply): void => void process.send?.(message);
  let last = Promise.resolve();
  process.on("message", (order: Order) => {
    last = last.then(async () => reply(await carryOut(order, simulator)));
  });
  process.on("disconnect", () => process.exit());
  // Ctrl-C in a terminal reaches every process; whoever started this one decides what it means.
  process.on("SIGINT", () => undefined);
  reply({ kind: "ready" });
}
