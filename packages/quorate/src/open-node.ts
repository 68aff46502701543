/** A server in one call: TCP, LevelDB, this machine's clock, MessagePack. */

import { createHash, randomInt } from "node:crypto";
import { join } from "node:path";
import { type CommandCodec, RaftError, type StateMachine } from "@quorate/contracts";
import {
  type Bootstrap,
  type JoinGrant,
  type JoinRequest,
  RaftNode,
  type Settings,
  settingsOf,
  type Tuning,
} from "@quorate/runtime";
import { FileSnapshotStorage, LevelLogStorage } from "@quorate/storage-level";
import { TcpTransport, type TcpTransportOptions } from "@quorate/transport-tcp";
import { msgpackrCodec } from "./msgpackr-codec.js";
import { systemClock } from "./system-clock.js";

const MIB = 1024 * 1024;

export interface OpenNodeOptions<Command, Result> extends Tuning {
  /** This server's name: unique in the cluster, and stable. */
  readonly id: string;
  /**
   * The servers that found the cluster, this one included: name to `host:port`. The same names on each of them, and at
   * every start, for they are part of the cluster's identity. Addresses may change from one start to the next.
   */
  readonly members?: Readonly<Record<string, string>>;
  /**
   * Instead of `members`, for a server that joins a cluster which exists: called once, while nothing is stored here, to
   * have `RaftNode.admit` called on a member, in whatever way the service has, with this server's name and incarnation
   * and the address at which the others reach it; brings back the answer.
   */
  readonly join?: (request: JoinRequest) => Promise<JoinGrant>;
  /** Where this server keeps its log and its snapshots, for itself alone; made if it is missing. */
  readonly directory: string;
  readonly stateMachine: StateMachine<Command, Result>;
  /** Tells clusters apart whose servers have the same names. Default `"quorate"`. */
  readonly clusterName?: string;
  /** Where to listen, if that is not the own address among `members`: `0.0.0.0:7001` in a container, say. */
  readonly listen?: string;
  /** Where the others reach this server. Default: the own address among `members`, or `listen`. */
  readonly address?: string;
  /** Default: {@link msgpackrCodec}. */
  readonly codec?: CommandCodec<Command, Result>;
  /**
   * Has the servers compare what their state machines answer, this often in milliseconds: see the option of the same name
   * of `RaftNode.open`. Off unless given; the same on every server.
   */
  readonly stateCheckIntervalMs?: number;
  /** Told of what hurts no one but should be seen: a peer of another cluster that knocks, say. */
  readonly onWarning?: (warning: unknown) => void;
}

/**
 * Opens a server of a cluster: where nothing is stored yet it founds it with the other `members`, or is taken in by way
 * of `join`; else it goes on where it stopped, and needs no more than `listen`. Resolves when the server takes part; a
 * leader may not be elected yet.
 *
 * Rejects with a `RaftError`, and has left nothing open then: `INVALID_OPTIONS`, `FOREIGN_STORAGE` (another server's
 * directory, or another cluster's), `STORAGE_LOCKED`, `STORAGE_CORRUPT`, `STORAGE_FORMAT`, `STORAGE_FAILED`, or
 * `TRANSPORT_FAILED` (the address is taken, say).
 */
export async function openNode<Command, Result>(
  options: OpenNodeOptions<Command, Result>,
): Promise<RaftNode<Command, Result>> {
  const { id, members, address, directory, clusterName = "quorate", onWarning, codec, ...rest } = options;
  const own = members !== undefined && Object.hasOwn(members, id) ? members[id] : undefined;
  const listen = options.listen ?? own;
  if (members !== undefined && own === undefined)
    throw new RaftError("INVALID_OPTIONS", `${JSON.stringify(id)} is not among the members.`);
  if (listen === undefined) throw new RaftError("INVALID_OPTIONS", "Without members, listen says where to listen.");
  const advertise = address ?? own ?? (isAnywhere(listen) ? undefined : listen);
  const limits = transportLimits(settingsOf(options));
  return RaftNode.open<Command, Result>({
    ...rest,
    id,
    ...(members === undefined ? {} : { bootstrap: bootstrapOf(clusterName, members), addresses: members }),
    storage: new LevelLogStorage({ directory }),
    snapshots: new FileSnapshotStorage({ directory: join(directory, "snapshots") }),
    transport: new TcpTransport({
      ...limits,
      listen,
      ...(advertise === undefined ? {} : { advertise }),
      ...(onWarning === undefined ? {} : { onWarning }),
    }),
    codec: codec ?? msgpackrCodec<Command, Result>(),
    clock: systemClock,
    seed: randomInt(2 ** 32),
    onWarning,
  });
}

/** An address that nobody can be reached at. */
function isAnywhere(listen: string): boolean {
  return /^(0\.0\.0\.0|\[::\]):|:0$/.test(listen);
}

function bootstrapOf(clusterName: string, members: Readonly<Record<string, string>>): Bootstrap {
  const names = Object.keys(members).sort();
  return {
    clusterId: clusterIdOf(clusterName, names),
    members: names.map((name) => ({ name, address: members[name] as string })),
  };
}

/** The transport carries the largest message that the node makes, and holds as much as it has under way (R20). */
function transportLimits(settings: Settings): Pick<TcpTransportOptions, "maxFrameBytes" | "maxQueueBytes"> {
  const largestBytes = Math.max(settings.maxCommandBytes, settings.maxAppendBytes, settings.snapshotChunkBytes);
  return {
    maxFrameBytes: Math.max(8 * MIB, largestBytes + MIB),
    maxQueueBytes: Math.max(16 * MIB, 2 * (settings.maxInflightBytes + largestBytes)),
  };
}

/**
 * The identity of the cluster: who founded it under which name. Servers that start with different lists of members get
 * different ones, and refuse each other instead of forming two clusters (PITFALLS O1, O4). Addresses are no part of it,
 * so that they can change (O6).
 */
function clusterIdOf(clusterName: string, names: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([clusterName, names]))
    .digest("hex")
    .slice(0, 32);
}
