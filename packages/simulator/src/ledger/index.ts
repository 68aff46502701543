/** The ledger: what must hold in every run, checked after every step. */

export { type CoreView, Ledger, type LedgerOptions } from "./ledger.js";
export type { Violation } from "./violation.js";
