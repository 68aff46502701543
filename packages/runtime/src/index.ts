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
export { type ProposeOptions, RaftNode, type ReadOptions } from "./raft-node.js";
export type { NodeStatus } from "./status.js";
export type { Listener } from "./topic.js";
