/** All parts of `pnpm bench`, in the order in which they are listed and run. */

import type { Part } from "./frame/part.js";
import { catchUp } from "./parts/catch-up.js";
import { core } from "./parts/core.js";
import { embedded } from "./parts/embedded.js";
import { failover } from "./parts/failover.js";
import { idle } from "./parts/idle.js";
import { kv } from "./parts/kv.js";
import { linearizability } from "./parts/linearizability.js";
import { memory } from "./parts/memory.js";
import { reads } from "./parts/reads.js";
import { restart } from "./parts/restart.js";
import { scale } from "./parts/scale.js";
import { simulator } from "./parts/simulator.js";
import { snapshot } from "./parts/snapshot.js";

export const PARTS: readonly Part[] = [
  core,
  embedded,
  kv,
  reads,
  failover,
  restart,
  catchUp,
  snapshot,
  scale,
  idle,
  memory,
  simulator,
  linearizability,
];
