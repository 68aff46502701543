/** All parts of `pnpm bench`, in the order in which they are listed and run. */

import type { Part } from "./frame/part.js";
import { catchUp } from "./parts/catch-up.js";
import { core } from "./parts/core.js";
import { failover } from "./parts/failover.js";
import { kv } from "./parts/kv.js";
import { linearizability } from "./parts/linearizability.js";
import { memory } from "./parts/memory.js";
import { reads } from "./parts/reads.js";
import { simulator } from "./parts/simulator.js";

export const PARTS: readonly Part[] = [core, kv, reads, failover, memory, catchUp, simulator, linearizability];
