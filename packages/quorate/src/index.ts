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
export type { Index, Member, MemberChange, MemberRole, NodeId, Term } from "@quorate/core";
export {
  adding,
  type Bootstrap,
  type BootstrapMember,
  bytesCodec,
  type ChangeOptions,
  type ChangePhase,
  type CloseOptions,
  CONSISTENCIES,
  type Consistency,
  type FatalEvent,
  type IncomingSnapshot,
  type JoinGrant,
  type JoinRequest,
  type LeaderEvent,
  type LeadershipEvent,
  type Listener,
  type MemberEdit,
  type MemberStatus,
  type MembersChange,
  type MembersEvent,
  type Membership,
  type MemberUpdate,
  type NodeEventMap,
  type NodeRole,
  type NodeStatus,
  type OutgoingSnapshot,
  type ProposeOptions,
  RaftNode,
  type RaftNodeOptions,
  type ReadOptions,
  type RoleEvent,
  removing,
  type SnapshotResult,
  type SnapshotsStatus,
  type TransferOptions,
  type Tuning,
  updating,
} from "@quorate/runtime";
export { LevelLogStorage, type LevelLogStorageOptions } from "@quorate/storage-level";
export { MemoryDisk, MemoryLogStorage, MemorySnapshotStorage } from "@quorate/storage-memory";
export { MemoryNetwork, MemoryTransport, type MemoryTransportOptions } from "@quorate/transport-memory";
export { TcpTransport, type TcpTransportOptions } from "@quorate/transport-tcp";
export { msgpackrCodec } from "./msgpackr-codec.js";
export { type OpenNodeOptions, openNode } from "./open-node.js";
export { systemClock } from "./system-clock.js";
