/** All parts of `pnpm bench`, in the order in which they are listed and run. */

import type { Part } from "./frame/part.js";
import { catchUp } from "./parts/catch-up.js";
import { core } from "./parts/core.js";
import { linearizability } from "./parts/linearizability.js";
import { memory } from "./parts/memory.js";
import { simulator } from "./parts/simulator.js";

export const PARTS: readonly Part[] = [core, memory, catchUp, simulator, linearizability];
