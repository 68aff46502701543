import type { Raft } from "@quorate/core";

/** What the ledger looks at in a core. */
export type CoreView = Pick<
  Raft,
  | "role"
  | "currentTerm"
  | "votedFor"
  | "commitIndex"
  | "lastIndex"
  | "durableIndex"
  | "configuration"
  | "configurationIndex"
  | "followers"
  | "snapshotIndex"
  | "compacted"
  | "transferTo"
>;
