/** Puts what a stored snapshot says in place of the state of this server. */

import {
  type Clock,
  RaftError,
  type SnapshotStorage,
  type StateMachine,
  StorageError,
  type StoredSnapshot,
} from "@quorate/contracts";
import { BodyReader } from "./snapshot-body.js";

type Restorable = Pick<StateMachine<never, unknown>, "restore">;

/**
 * Hands the state machine the newest snapshot, which must be that of `place`, and resolves with the library's own
 * sections of it. Rejects with `STATE_MACHINE_FAILED`, or with a `StorageError` if it cannot be read. After that the state
 * machine may be in any state (PITFALLS S20).
 */
export async function restoreNewest(
  clock: Clock,
  storage: SnapshotStorage,
  stateMachine: Restorable,
  { place }: StoredSnapshot,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return readNewest(clock, storage, place.index, async (body) => {
    const sections = await body.sections();
    if (!body.isEmpty) await restoreState(stateMachine, body, place.index);
    return sections;
  });
}

/** Only the library's own sections of it: the state machine has its state already. */
export async function readSections(
  clock: Clock,
  storage: SnapshotStorage,
  { place }: StoredSnapshot,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return readNewest(clock, storage, place.index, (body) => body.sections());
}

async function readNewest<Result>(
  clock: Clock,
  storage: SnapshotStorage,
  index: number,
  read: (body: BodyReader) => Promise<Result>,
): Promise<Result> {
  const reader = await storage.read();
  if (reader === null || reader.snapshot.place.index !== index) {
    await reader?.close();
    throw new StorageError("STORAGE_CORRUPT", `The snapshot of entry ${index} is no longer there.`);
  }
  try {
    return await read(new BodyReader(clock, reader));
  } finally {
    await reader.close();
  }
}

async function restoreState(stateMachine: Restorable, body: BodyReader, index: number): Promise<void> {
  let storageError: unknown = null;
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* body.state();
    } catch (error) {
      storageError = error;
      throw error;
    }
  }
  try {
    await stateMachine.restore?.(pieces());
  } catch (cause) {
    if (storageError !== null) throw storageError;
    throw new RaftError("STATE_MACHINE_FAILED", `The state machine could not restore the snapshot of entry ${index}.`, {
      cause,
    });
  }
  if (body.isVerified) return;
  throw new RaftError(
    "STATE_MACHINE_FAILED",
    `The state machine did not read the snapshot of entry ${index} to its end.`,
  );
}
