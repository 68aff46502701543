/**
 * What a server remembers, put together from its log, its snapshot and, if that keeps itself on a disk, its state
 * machine (PITFALLS S4, C9, C12).
 *
 * A snapshot counts from the moment at which it is durable. Whatever was to follow, and did not because of a crash, follows
 * now: the core has the log begin anew where it does not fit the snapshot, and the state machine takes the state over.
 */

import { RaftError, type StateMachine, type StoredSnapshot, type StoredState } from "@quorate/contracts";
import { type Configuration, decodeConfiguration, type Index, memberOf, type SnapshotPoint } from "@quorate/core";
import type { OpenedState } from "./bootstrap.js";
import { messageOf } from "./fatal.js";
import { checkPart } from "./no-state.js";
import { invalid, type RaftNodeOptions } from "./options.js";
import { decodeSnapshotHeader } from "./snapshot-header.js";
import { readSections, restoreNewest } from "./snapshot-restore.js";

/** What the node goes on with. */
export interface Recovered {
  readonly stored: OpenedState;
  /** The newest snapshot, or null. */
  readonly snapshot: SnapshotPoint | null;
  /** Up to here the log is applied, but for what the state machine has besides. */
  readonly appliedIndex: Index;
  /** The last entry up to there that the state machine was given. */
  readonly lastCommandIndex: Index;
  /** Up to here the state machine has the effect of every command already: it is not given those again. */
  readonly keptIndex: Index;
  /** The library's own state at `appliedIndex`. */
  readonly sections: ReadonlyMap<string, Uint8Array>;
}

type Options<Command, Result> = Pick<RaftNodeOptions<Command, Result>, "snapshots" | "stateMachine" | "clock">;

const FROM_THE_START = { snapshot: null, appliedIndex: 0, lastCommandIndex: 0, sections: new Map<string, never>() };

/**
 * Puts it together. `newest` is what the snapshot storage was found to hold. Rejects with `STORAGE_CORRUPT`,
 * `STORAGE_FORMAT`, `STORAGE_COMPACTED`, `FOREIGN_STORAGE`, `INVALID_OPTIONS`, `STATE_MACHINE_FAILED`, or with what the
 * storages reject with.
 */
export async function recover<Command, Result>(
  options: Options<Command, Result>,
  found: OpenedState,
  newest: StoredSnapshot | null,
): Promise<Recovered> {
  const { snapshots, clock, stateMachine } = options;
  if (newest === null || snapshots === undefined) {
    if (found.compacted.index > 0) {
      const why = snapshots === undefined ? "no snapshot storage was given" : "there is no snapshot";
      throw new RaftError("STORAGE_COMPACTED", `The log starts after entry ${found.compacted.index}, and ${why}.`);
    }
    const keptIndex = await openStateMachine(stateMachine, found.lastIndex);
    checkMembership(found, null, stateMachine);
    return { ...FROM_THE_START, stored: found, keptIndex };
  }
  const header = decodeSnapshotHeader(newest.header, newest.place);
  if (header.clusterId !== found.identity.clusterId) {
    const message = `The snapshot belongs to the cluster ${header.clusterId}, not to ${found.identity.clusterId}.`;
    throw new RaftError("FOREIGN_STORAGE", message);
  }
  checkMembership(found, header.point, stateMachine);
  const keptIndex = await openStateMachine(stateMachine, Math.max(found.lastIndex, newest.place.index));
  const hasState = newest.sizeBytes > 0;
  if (hasState && stateMachine.restore === undefined) {
    throw invalid(`There is a snapshot of entry ${newest.place.index}, but the state machine has no \`restore\`.`);
  }
  const isKept = keptIndex >= header.lastCommandIndex && stateMachine.open !== undefined;
  const sections = isKept
    ? await readSections(clock, snapshots, newest)
    : await restoreNewest(clock, snapshots, stateMachine, newest);
  const { point, lastCommandIndex } = header;
  return { stored: found, snapshot: point, appliedIndex: point.index, lastCommandIndex, keptIndex, sections };
}

/** What the state machine has on a disk of its own: nothing beyond the log, from which it came (PITFALLS C12). */
async function openStateMachine<Command, Result>(
  stateMachine: StateMachine<Command, Result>,
  lastIndex: Index,
): Promise<Index> {
  if (stateMachine.open === undefined) return 0;
  let keptIndex: Index;
  try {
    keptIndex = await stateMachine.open();
  } catch (cause) {
    throw new RaftError("STATE_MACHINE_FAILED", "The state machine could not be opened.", { cause });
  }
  if (!Number.isSafeInteger(keptIndex) || keptIndex < 0) {
    throw new RaftError("STATE_MACHINE_FAILED", `The state machine says that it has applied up to ${keptIndex}.`);
  }
  if (keptIndex > lastIndex) {
    const message = `The state machine has applied up to entry ${keptIndex}, but the log ends at ${lastIndex}.`;
    throw new RaftError("STORAGE_CORRUPT", message);
  }
  return keptIndex;
}

/** A server whose number is another's name in its log has the storage of that one; nor must it lack what its role needs. */
function checkMembership(
  { identity, memberships, lastIndex }: StoredState,
  snapshot: SnapshotPoint | null,
  stateMachine: object,
): void {
  // A server that has joined waits to be fed: until then it knows nobody.
  if (lastIndex === 0) return;
  const { nodeId, name } = identity;
  // It may not be in there: its log may end before it was added, or after it was removed.
  const configuration = newestConfiguration(memberships, snapshot);
  checkPart(stateMachine, configuration, nodeId);
  const own = memberOf(configuration, nodeId);
  if (own === undefined || own.name === name) return;
  const message = `Server ${nodeId} is ${JSON.stringify(own.name)} in its log, not ${JSON.stringify(name)}.`;
  throw new RaftError("FOREIGN_STORAGE", message);
}

function newestConfiguration(memberships: StoredState["memberships"], snapshot: SnapshotPoint | null): Configuration {
  const last = memberships[memberships.length - 1];
  if (last === undefined) {
    if (snapshot === null) throw new RaftError("STORAGE_CORRUPT", "The log names no members.");
    return snapshot.membership.configuration;
  }
  try {
    return decodeConfiguration(last.data);
  } catch (cause) {
    throw new RaftError("STORAGE_CORRUPT", `Entry ${last.index}: ${messageOf(cause)}.`, { cause });
  }
}
