/** quorate-kv: a replicated key-value store on Quorate. Its client, its server, and the state machine between them. */

export { KvAdmin } from "./client/admin.js";
export type { CallOptions } from "./client/call-options.js";
export { KvError, type KvErrorDetails, type RequestOutcome } from "./client/errors.js";
export type {
  CasAnswer,
  ClusterStatus,
  DeleteAnswer,
  KvClientOptions,
  ListAnswer,
  ListOptions,
  MemberEdit,
  MemberInfo,
  MemberProgress,
  MembersInfo,
  MemberWish,
  ReadOptions,
  ServerHealth,
  TxnAnswer,
  TxnCompare,
  TxnOperation,
  TxnRequest,
  Written,
} from "./client/types.js";
export type { WatchBatch, WatchEvent, WatchOptions } from "./client/watch.js";
export { KvClient } from "./client.js";
export type {
  Compare,
  CompareOperator,
  Comparison,
  ConflictResult,
  DeleteResult,
  GetResult,
  KvCommand,
  KvEntry,
  KvResult,
  Operation,
  OperationResult,
  PutResult,
  TooLargeResult,
  TxnResult,
} from "./commands.js";
export type { KvEvent, RevisionRecord } from "./history.js";
export type { HistoryLimits } from "./limits.js";
export { HISTORY_LIMITS, MAX_KEY_BYTES, MAX_TXN_BYTES, MAX_TXN_OPERATIONS, MAX_VALUE_BYTES } from "./limits.js";
export type { Consistency, KvNode, KvNodeStatus, LeaderChange } from "./node.js";
export type { DownReason, Health } from "./readiness.js";
export { DEFAULT_REQUEST_TIMEOUT_MS, type KvServer, type ServerOptions, StartError, startServer } from "./serve.js";
export { type SpawnedServer, type SpawnOptions, spawnServer } from "./spawn.js";
export { KvStore, type ListPage, type ListQuery } from "./store.js";
