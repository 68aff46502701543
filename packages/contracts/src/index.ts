/** The ports of Quorate: what surrounds the runtime, and what must hold of it. */

export type { Cancel, Clock } from "./clock.js";
export { Crc, crc32 } from "./crc.js";
export {
  ERROR_CODES,
  isRaftErrorCode,
  type Outcome,
  RaftError,
  type RaftErrorCode,
  StorageError,
  TransportError,
} from "./errors.js";
export type { Durability, LogStorage, StorageIdentity, StoredState } from "./log-storage.js";
export type { SnapshotReader, SnapshotStorage, SnapshotWriter, StoredSnapshot } from "./snapshot-storage.js";
export type { CommandCodec, CommittedCommand, CommittedTime, StateMachine } from "./state-machine.js";
export {
  type AdminRequest,
  type AdminResult,
  type GroupId,
  isCoreMessage,
  isStateCheckMessage,
  type MessageReceiver,
  type PeerLossReceiver,
  type PeerMessage,
  type ProposeRequest,
  type ProposeResult,
  type SnapshotChunk,
  type SnapshotChunkResult,
  type StateCheckMessage,
  type StateDigest,
  type StateDigestRequest,
  type StateDigestVerdict,
  type Transport,
  type TransportIdentity,
  type TransportStatus,
  type Unwanted,
} from "./transport.js";
