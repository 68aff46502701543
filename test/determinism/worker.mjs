// A worker thread that runs the seeds it is given. It is not TypeScript, for Node 20 cannot start a worker with that.

import { parentPort, workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const { exploreInOrder } = await import("./outcomes.ts");
const settle = () => new Promise((resolve) => setImmediate(resolve));
parentPort.postMessage(await exploreInOrder(workerData, settle));
