/** What the chapters of the HTTP interface share. */

import type { KvNode } from "../node.js";
import type { Readiness } from "../readiness.js";
import type { KvStore } from "../store.js";
import type { WatchHub } from "./watch-hub.js";

export interface HttpContext {
  readonly node: KvNode;
  /** The state machine that `node` applies commands to; read within `node.read` alone. */
  readonly store: KvStore;
  readonly readiness: Readiness;
  readonly watchHub: WatchHub;
  /** The most that one request waits for the cluster. */
  readonly requestTimeoutMs: number;
}
