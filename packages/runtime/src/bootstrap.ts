/**
 * Who this server is: found in its storage, or written there once, when the cluster is founded.
 *
 * Every server of a new cluster is told the same members, gives them the same numbers and writes the same first
 * entry, so that they need not agree on it first (PITFALLS O3, O4). Whatever is stored already stays as it is (O2).
 */

import {
  type LogStorage,
  RaftError,
  type StorageIdentity,
  type StoredSnapshot,
  type StoredState,
} from "@quorate/contracts";
import {
  type Configuration,
  encodeConfiguration,
  foundingConfiguration,
  type Member,
  type MemberRole,
  membersOf,
  NOBODY,
  type NodeId,
  Raft,
  type RestoredState,
  UnsupportedFeatureLevelError,
} from "@quorate/core";
import { messageOf, unsupported } from "./fatal.js";
import { checkPart, NoState } from "./no-state.js";
import { type Bootstrap, type BootstrapMember, invalid, type RaftNodeOptions, type Settings } from "./options.js";
import type { AddressOverrides } from "./peers.js";

const ROLES: readonly MemberRole[] = ["voter", "learner", "witness"];

/**
 * The first configuration: members get the numbers 1, 2, … in the order of their names. Throws `INVALID_OPTIONS` if
 * one is named twice, by name or by address (PITFALLS O12).
 */
function initialConfiguration({ clusterId, members }: Bootstrap): Configuration {
  if (typeof clusterId !== "string" || clusterId === "") throw invalid("bootstrap.clusterId must not be empty.");
  if (members.length === 0) throw invalid("bootstrap.members must name every server of the new cluster.");
  for (const member of members) checkFounder(member);
  if (!members.some(({ role = "voter" }) => role === "voter")) throw invalid("bootstrap.members: there is no voter.");
  // By code units: the same order in every place and language.
  const sorted = [...members].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const founders = sorted.map(({ name, address, role, priority = 0 }, place) => {
    const member: Member = { id: place + 1, name, address, isWitness: role === "witness", priority };
    return { member, isLearner: role === "learner" };
  });
  const configuration = {
    ...foundingConfiguration(founders.filter(({ isLearner }) => !isLearner).map(({ member }) => member)),
    learners: founders.filter(({ isLearner }) => isLearner).map(({ member }) => member),
    nextId: founders.length + 1,
  };
  try {
    encodeConfiguration(configuration);
  } catch (cause) {
    throw invalid(`bootstrap.members: ${messageOf(cause)}.`, cause);
  }
  return configuration;
}

function checkFounder({ name, address, role = "voter", priority = 0 }: BootstrapMember): void {
  const where = "bootstrap.members";
  if (typeof name !== "string" || name === "") throw invalid(`${where}: a member has no name.`);
  const who = JSON.stringify(name);
  if (typeof address !== "string" || address === "") throw invalid(`${where}: the address of ${who} is empty.`);
  if (!ROLES.includes(role)) throw invalid(`${where}: the role of ${who} is ${role}, not one of ${ROLES.join(", ")}.`);
  if (!Number.isSafeInteger(priority) || priority < 0)
    throw invalid(`${where}: the priority of ${who} is ${priority}, not a whole number from 0 up.`);
}

/** What is stored, and whether it was written just now: such a server has promised nothing yet (PITFALLS L7). */
export interface OpenedState extends StoredState {
  readonly isNew: boolean;
}

/** What is stored here, whole or not; `recovery.ts` sees to that. */
export interface Found {
  readonly stored: OpenedState;
  readonly newest: StoredSnapshot | null;
}

type Places<Command, Result> = Pick<
  RaftNodeOptions<Command, Result>,
  "storage" | "snapshots" | "id" | "bootstrap" | "join" | "stateMachine"
>;

/**
 * Opens the storages, or founds the cluster there if they are blank. Rejects with `NOT_BOOTSTRAPPED`, `FOREIGN_STORAGE`,
 * `STORAGE_CORRUPT`, `NOT_A_WITNESS`, `INVALID_OPTIONS`, or with what the storages reject with.
 */
export async function openStorage<Command, Result>(
  { storage, snapshots, id: name, bootstrap, join, stateMachine }: Places<Command, Result>,
  mintIncarnation: () => number,
): Promise<Found> {
  const configuration = bootstrap === undefined ? null : initialConfiguration(bootstrap);
  const founder = configuration === null ? undefined : membersOf(configuration).find((each) => each.name === name);
  if (configuration !== null && founder === undefined) {
    throw invalid(`bootstrap.members does not name this server, ${JSON.stringify(name)}.`);
  }
  const stored = await storage.open();
  const newest = (await snapshots?.open()) ?? null;
  if (stored !== null) return { stored: { ...checked(stored, name, bootstrap?.clusterId), isNew: false }, newest };
  if (newest !== null) {
    // To begin anew with the state of before, and without its votes, is to be two servers in one life (PITFALLS M17).
    const message = `There is a snapshot of entry ${newest.place.index}, but the log is gone.`;
    throw new RaftError("STORAGE_CORRUPT", message);
  }
  const incarnation = mintIncarnation();
  if (join !== undefined) {
    const statement = stateMachine instanceof NoState ? ({ keepsState: false } as const) : {};
    const { clusterId, nodeId } = await join({ name, incarnation, ...statement });
    return { stored: { ...(await joined(storage, { clusterId, nodeId, name, incarnation })), isNew: true }, newest };
  }
  if (bootstrap === undefined || configuration === null || founder === undefined) {
    throw new RaftError("NOT_BOOTSTRAPPED", `Server ${JSON.stringify(name)} has nothing stored.`);
  }
  checkPart(stateMachine, configuration, founder.id);
  const identity: StorageIdentity = { clusterId: bootstrap.clusterId, nodeId: founder.id, name, incarnation };
  const founded = await storage.initialize(identity, {
    seq: 0,
    hardState: { currentTerm: 1, votedFor: NOBODY },
    reset: null,
    truncateFrom: null,
    append: [{ index: 1, term: 1, kind: "membership", data: encodeConfiguration(configuration) }],
  });
  return { stored: { ...founded, isNew: true }, newest };
}

/**
 * A server that the cluster has taken in: it has its number, and nothing else. It waits to be fed, and whatever it finds
 * in the log on its way, it can find itself in no older configuration than the one that brought it in (PITFALLS M17, O3).
 */
function joined(storage: LogStorage, identity: StorageIdentity): Promise<StoredState> {
  const hardState = { currentTerm: 0, votedFor: NOBODY };
  return storage.initialize(identity, { seq: 0, hardState, reset: null, truncateFrom: null, append: [] });
}

/** Local addresses; those that go with `bootstrap` are the founders' alone, whoever bears their names later. */
export function overridesOf({
  bootstrap,
  addresses = {},
}: Pick<RaftNodeOptions<unknown, unknown>, "bootstrap" | "addresses">): AddressOverrides {
  const founders = bootstrap === undefined ? null : membersOf(initialConfiguration(bootstrap));
  const isMeant = (name: string, id: NodeId): boolean =>
    founders === null || founders.some((founder) => founder.name === name && founder.id === id);
  return { byName: addresses, isMeant };
}

function checked(stored: StoredState, name: string, clusterId: string | undefined): StoredState {
  const { identity } = stored;
  if (identity.name !== name) {
    throw foreign(`The storage is that of server ${JSON.stringify(identity.name)}, not of ${JSON.stringify(name)}.`);
  }
  if (clusterId !== undefined && identity.clusterId !== clusterId) {
    throw foreign(`The storage belongs to the cluster ${identity.clusterId}, not to ${clusterId}.`);
  }
  return stored;
}

function foreign(message: string): RaftError {
  return new RaftError("FOREIGN_STORAGE", message);
}

/** The core as it was left. Throws `STORAGE_CORRUPT` if what is stored contradicts itself (PITFALLS P16). */
export function restoreRaft(settings: Settings, seed: number, restored: RestoredState & Identified, now: number): Raft {
  const { heartbeatIntervalMs, electionTimeoutMs, maxClockDrift, allowsQuiet, applicationLevel } = settings;
  const id = restored.identity.nodeId;
  try {
    return new Raft(
      { id, heartbeatIntervalMs, electionTimeoutMs, maxClockDrift, allowsQuiet, applicationLevel, seed },
      restored,
      now,
    );
  } catch (cause) {
    if (cause instanceof UnsupportedFeatureLevelError) throw unsupported(cause);
    throw new RaftError("STORAGE_CORRUPT", `What is stored contradicts itself: ${messageOf(cause)}.`, { cause });
  }
}

interface Identified {
  readonly identity: StorageIdentity;
}
