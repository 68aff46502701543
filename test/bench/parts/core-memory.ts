/**
 * How much memory a proposal allocates in the core: tells its parent the bytes per proposal. It is what the heap grows by,
 * and what lies outside it, between two moments without a garbage collection in between: so each allocated byte is
 * counted, whether it is needed any more or not. Throws if there was a collection.
 */

import { PerformanceObserver } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { CoreLoad } from "./core-load.js";

/** Until functions are compiled for good, and their feedback is in place. */
const WARM_UP_PROPOSALS = 100_000;
const PROPOSALS = 20_000;

const inFlight = Number(process.argv[2]);
const load = new CoreLoad(inFlight);
load.run(WARM_UP_PROPOSALS);

let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
globalThis.gc?.();
await setImmediate();
observer.observe({ entryTypes: ["gc"] });

const before = usedBytes();
const proposals = load.run(PROPOSALS);
const bytes = usedBytes() - before;

await setImmediate();
collections += observer.takeRecords().length;
if (collections > 0) throw new Error("there was a garbage collection meanwhile");
process.send?.(bytes / proposals);

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
