/** What the chapters of the HTTP interface share. */

import type { KvService, ServiceOptions } from "../service/service.js";
import type { WatchHub } from "./watch-hub.js";

export interface HttpContext extends ServiceOptions {
  readonly service: KvService;
  readonly watchHub: WatchHub;
}
