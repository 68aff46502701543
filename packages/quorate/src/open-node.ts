/** A server in one call: TCP, LevelDB, this machine's clock, MessagePack. */

import { createHash, randomInt } from "node:crypto";
import { join } from "node:path";
import { type CommandCodec, RaftError, type StateMachine } from "@quorate/contracts";
import type { MemberRole } from "@quorate/core";
import {
  type BootstrapMember,
  type JoinGrant,
  type JoinRequest,
  RaftNode,
  type RaftNodeOptions,
  type Settings,
  settingsOf,
  type Tuning,
} from "@quorate/runtime";
import { FileSnapshotStorage, LevelLogStorage } from "@quorate/storage-level";
import { TcpTransport, type TcpTransportOptions } from "@quorate/transport-tcp";
import { msgpackrCodec } from "./msgpackr-codec.js";
import { systemClock } from "./system-clock.js";

const MIB = 1024 * 1024;

/** One of the servers that found a cluster. */
export interface Founder {
  /** `host:port` at which the others reach it. */
  readonly address: string;
  /** Default `voter`. */
  readonly role?: MemberRole;
  /** A leader hands over to a voter of higher priority. From 0 up; default 0. */
  readonly priority?: number;
}

export interface OpenNodeOptions<Command, Result> extends Tuning {
  /** This server's name: unique in the cluster, and stable. */
  readonly id: string;
  /**
   * The servers that found the cluster, this one included: name to `host:port`, or to a {@link Founder}. The same names,
   * roles and priorities on each of them, and at every start, for they are part of the cluster's identity; what
   * `changeMembers` makes of them later is not. Addresses may change from one start to the next.
   */
  readonly members?: Readonly<Record<string, string | Founder>>;
  /**
   * Instead of `members`, for a server that joins a cluster which exists: called once, while nothing is stored here, to
   * have `RaftNode.admit` called on a member, in whatever way the service has, with this server's name and incarnation
   * and the address at which the others reach it; brings back the answer.
   */
  readonly join?: (request: JoinRequest) => Promise<JoinGrant>;
  /** Where this server keeps its log and its snapshots, for itself alone; made if it is missing. */
  readonly directory: string;
  readonly stateMachine: StateMachine<Command, Result>;
  /** Only for {@link OpenWitnessOptions}. */
  readonly role?: undefined;
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
 * For a server that is to be a witness: it needs no state machine. Its founding, or whoever admits it, must say that it is
 * one; otherwise it is refused, with `NOT_A_WITNESS` or by them.
 */
export interface OpenWitnessOptions<Command, Result>
  extends Omit<OpenNodeOptions<Command, Result>, "stateMachine" | "role"> {
  readonly role: "witness";
  readonly stateMachine?: undefined;
}

/**
 * Opens a server of a cluster: where nothing is stored yet it founds it with the other `members`, or is taken in by way
 * of `join`; else it goes on where it stopped, and needs no more than `listen`. Resolves when the server takes part; a
 * leader may not be elected yet.
 *
 * Rejects with a `RaftError`, and has left nothing open then: `INVALID_OPTIONS`, `NOT_A_WITNESS`, `FOREIGN_STORAGE` (another
 * server's directory, or another cluster's), `STORAGE_LOCKED`, `STORAGE_CORRUPT`, `STORAGE_FORMAT`, `STORAGE_FAILED`, or
 * `TRANSPORT_FAILED` (the address is taken, say).
 */
export async function openNode<Command, Result>(
  options: OpenNodeOptions<Command, Result> | OpenWitnessOptions<Command, Result>,
): Promise<RaftNode<Command, Result>> {
  const { id, members, address, directory, clusterName = "quorate", onWarning, codec, ...rest } = options;
  const founders = members === undefined ? undefined : foundersOf(members);
  const own = founders?.find(({ name }) => name === id)?.address;
  const listen = options.listen ?? own;
  if (founders !== undefined && own === undefined)
    throw new RaftError("INVALID_OPTIONS", `${JSON.stringify(id)} is not among the members.`);
  if (listen === undefined) throw new RaftError("INVALID_OPTIONS", "Without members, listen says where to listen.");
  const advertise = address ?? own ?? (isAnywhere(listen) ? undefined : listen);
  const limits = transportLimits(settingsOf(options));
  return RaftNode.open<Command, Result>({
    ...rest,
    id,
    ...(founders === undefined ? {} : placeOf(clusterName, founders)),
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

function foundersOf(members: Readonly<Record<string, string | Founder>>): BootstrapMember[] {
  const names = Object.keys(members).sort();
  return names.map((name) => {
    const founder = members[name] as string | Founder;
    return typeof founder === "string" ? { name, address: founder } : { ...founder, name };
  });
}

function placeOf(
  clusterName: string,
  founders: readonly BootstrapMember[],
): Required<Pick<RaftNodeOptions<never, never>, "bootstrap" | "addresses">> {
  return {
    bootstrap: { clusterId: clusterIdOf(clusterName, founders), members: founders },
    addresses: Object.fromEntries(founders.map(({ name, address }) => [name, address])),
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
 * The identity of the cluster: who founded it under which name, and as what. Servers that start with different lists of
 * members get different ones, and refuse each other instead of forming two clusters (PITFALLS O1, O4). Addresses are no
 * part of it, so that they can change (O6).
 */
function clusterIdOf(clusterName: string, founders: readonly BootstrapMember[]): string {
  const plain = founders.map(({ name, role = "voter", priority = 0 }) =>
    role === "voter" && priority === 0 ? name : [name, role, priority],
  );
  return createHash("sha256")
    .update(JSON.stringify([clusterName, plain]))
    .digest("hex")
    .slice(0, 32);
}
