/** A suite of tests for each port; an implementer runs it in one line. They need vitest. */

export type { SnapshotHarness } from "./snapshots/harness.js";
export { snapshotStorageCompliance } from "./snapshots.js";
export type { StorageHarness } from "./storage/harness.js";
export { storageCompliance } from "./storage.js";
export { type TransportHarness, transportCompliance } from "./transport.js";
