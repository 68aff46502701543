/** Quorate: Raft for TypeScript services. */

export {
  type Cancel,
  type Clock,
  type CommandCodec,
  type CommittedCommand,
  ERROR_CODES,
  type GroupId,
  type LogStorage,
  type Outcome,
  RaftError,
  type RaftErrorCode,
  type SnapshotReader,
  type SnapshotStorage,
  type SnapshotWriter,
  type StateMachine,
  StorageError,
  type StoredSnapshot,
  type Transport,
  TransportError,
} from "@quorate/contracts";
export type { Index, Member, NodeId, Term } from "@quorate/core";
export {
  type Bootstrap,
  type BootstrapMember,
  bytesCodec,
  CONSISTENCIES,
  type Consistency,
  type FatalEvent,
  type IncomingSnapshot,
  type LeaderEvent,
  type Listener,
  type NodeEventMap,
  type NodeRole,
  type NodeStatus,
  type OutgoingSnapshot,
  type ProposeOptions,
  RaftNode,
  type RaftNodeOptions,
  type ReadOptions,
  type RoleEvent,
  type SnapshotResult,
  type SnapshotsStatus,
  type Tuning,
} from "@quorate/runtime";
export { LevelLogStorage, type LevelLogStorageOptions } from "@quorate/storage-level";
export { MemoryDisk, MemoryLogStorage, MemorySnapshotStorage } from "@quorate/storage-memory";
export { MemoryNetwork, MemoryTransport, type MemoryTransportOptions } from "@quorate/transport-memory";
export { TcpTransport, type TcpTransportOptions } from "@quorate/transport-tcp";
export { msgpackrCodec } from "./msgpackr-codec.js";
export { type OpenNodeOptions, openNode } from "./open-node.js";
export { systemClock } from "./system-clock.js";
