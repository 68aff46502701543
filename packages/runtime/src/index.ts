/** The runtime: `RaftNode`, one server of a cluster, over ports alone. */

export type { AbortSignalLike, CallOptions } from "./abort.js";
export { bytesCodec } from "./commands.js";
export type { CoreObserver } from "./core-observer.js";
export { adding, type MemberEdit, type MemberUpdate, removing, updating } from "./member-edits.js";
export type { ChangePhase, MemberStatus, Membership } from "./members.js";
export type {
  FatalEvent,
  LeaderEvent,
  LeadershipEvent,
  MembersEvent,
  NodeEventMap,
  NodeRole,
  RoleEvent,
} from "./node-events.js";
export type { MembersChange } from "./operator.js";
export {
  type Bootstrap,
  type BootstrapMember,
  type JoinGrant,
  type JoinRequest,
  type Newcomer,
  type RaftNodeOptions,
  type Settings,
  settingsOf,
  type Tuning,
  type WitnessOptions,
} from "./options.js";
export {
  type ChangeOptions,
  type CloseOptions,
  type OpenSessionOptions,
  type ProposeOptions,
  RaftNode,
  type RaiseOptions,
  type SnapshotOptions,
  type TransferOptions,
} from "./raft-node.js";
export { CONSISTENCIES, type Consistency, type ReadOptions } from "./read-options.js";
export { Session, type SessionProposeOptions } from "./session.js";
export { commandOf } from "./sessions/envelope.js";
export { decodeSnapshotHeader, type SnapshotHeader } from "./snapshot-header.js";
export type { IncomingSnapshot } from "./snapshot-receiver.js";
export type { OutgoingSnapshot } from "./snapshot-sender.js";
export type { SnapshotResult } from "./snapshot-taker.js";
export type { SnapshotsStatus } from "./snapshots.js";
export type { NodeStatus } from "./status.js";
export type { Listener } from "./topic.js";
