/** The ledger: what must hold in every run, checked after every step. */

export type { CoreView } from "./core-view.js";
export { Ledger } from "./ledger.js";
export type { SnapshotOrigin } from "./snapshots.js";
export type { Violation } from "./violation.js";
