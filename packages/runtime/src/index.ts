/** The runtime: `RaftNode`, one server of a cluster, over ports alone. */

export { bytesCodec } from "./commands.js";
export type { CoreObserver } from "./core-observer.js";
export type { FatalEvent, LeaderEvent, NodeEventMap, NodeRole, RoleEvent } from "./node-events.js";
export {
  type Bootstrap,
  type BootstrapMember,
  type RaftNodeOptions,
  type Settings,
  settingsOf,
  type Tuning,
} from "./options.js";
export { type ProposeOptions, RaftNode } from "./raft-node.js";
export { CONSISTENCIES, type Consistency, type ReadOptions } from "./read-options.js";
export type { NodeStatus } from "./status.js";
export type { Listener } from "./topic.js";
