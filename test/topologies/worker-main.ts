/** What a process of the farm runs. */

import { type Batch, runBatch } from "./farm.js";

process.on("message", (batch: Batch) => process.send?.(runBatch(batch)));
process.on("disconnect", () => process.exit());
