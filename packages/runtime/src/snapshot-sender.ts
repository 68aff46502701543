/**
 * Sends snapshots to followers that lack what the log no longer has (§7; PITFALLS S5, S6, S8, S9), and where there is no
 * leader, to whoever pulls this log.
 *
 * Each transfer belongs to one order of the core, and ends: because the follower has it or is served otherwise, because
 * somebody else leads, or without success, which the core is told. It goes a chunk at a time, some ahead of the answers,
 * and never faster than all transfers together may; what else there is to send does not wait for it. Where it goes on
 * after a loss, the follower says.
 */

import {
  type Clock,
  RaftError,
  type SnapshotChunk,
  type SnapshotChunkResult,
  type SnapshotReader,
  type SnapshotStorage,
} from "@quorate/contracts";
import {
  type EntryId,
  type Index,
  type Input,
  NOBODY,
  type NodeId,
  type Raft,
  type SnapshotOrder,
} from "@quorate/core";

/** How many chunks may be under way to one follower without an answer. */
const WINDOW_CHUNKS = 4;

/** How much of `snapshotTimeoutMs` may pass without progress before what is under way is taken for lost. */
const RESEND_PART = 1 / 4;

/** How long a failed transfer waits before the core hears of it, and orders the next, in milliseconds. */
const RETRY_AFTER_MS = 1000;

const NO_BYTES = new Uint8Array(0);

export interface SnapshotSenderOptions {
  readonly nodeId: NodeId;
  readonly raft: Raft;
  readonly clock: Clock;
  readonly storage: SnapshotStorage;
  readonly snapshotChunkBytes: number;
  readonly snapshotBytesPerSecond: number;
  readonly snapshotTimeoutMs: number;
  /** Whether that server keeps no state: it is sent the header alone. */
  readonly isWitness: (id: NodeId) => boolean;
  /** There is reason to doubt the snapshot of that place. Never rejects. */
  readonly examine: (place: EntryId) => Promise<void>;
  /** Takes a snapshot, if there is none yet. */
  readonly take: () => Promise<unknown>;
  readonly send: (chunk: SnapshotChunk) => void;
  readonly step: (input: Input) => void;
  readonly onWarning: (error: unknown) => void;
  readonly schedule: () => void;
}

/** A transfer, as it can be seen. */
export interface OutgoingSnapshot {
  readonly to: NodeId;
  /** The last entry that the snapshot contains; 0 while it is being opened. */
  readonly index: Index;
  readonly sizeBytes: number;
  /** How much of it the follower has. */
  readonly ackedBytes: number;
}

interface Transfer {
  readonly order: SnapshotOrder;
  reader: SnapshotReader | null;
  /** Of what is sent: nothing, to a witness. */
  sizeBytes: number;
  /** The follower has everything before this. */
  ackedBytes: number;
  /** Everything before this was sent. */
  sentBytes: number;
  /** The follower has said where to go on; until then one chunk asks. */
  isAnswered: boolean;
  /** Whether all of it was sent, by whomever. */
  hasSentAll: boolean;
  isReading: boolean;
  /** When the first chunk was sent since the follower last got on; null if none was. */
  askedAt: number | null;
  /** When something was last sent or acknowledged. */
  lastProgressAt: number;
  /** When the core is told that it failed; null unless it has. */
  failsAt: number | null;
}

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #transfers = new Map<NodeId, Transfer>();
  /** Before this nothing is sent: the rate of all. */
  #nextSendAt = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /**
   * Takes in an order: it replaces the one before for the same follower (PITFALLS S23). Not without a leader: then it is
   * asked for in every campaign, and goes on.
   */
  onOrder(order: SnapshotOrder): void {
    const { role } = this.#options.raft;
    const before = this.#transfers.get(order.to);
    if (role !== "leader" && before?.order.term === order.term && before.failsAt === null) return;
    this.#end(order.to);
    const transfer: Transfer = {
      order,
      reader: null,
      sizeBytes: 0,
      ackedBytes: 0,
      sentBytes: 0,
      isAnswered: false,
      hasSentAll: false,
      isReading: true,
      askedAt: null,
      lastProgressAt: Number.NEGATIVE_INFINITY,
      failsAt: null,
    };
    this.#transfers.set(order.to, transfer);
    this.#open(transfer).catch((error: unknown) => this.#fail(transfer, error));
  }

  /** Takes in what a follower says of it: where it goes on, or that it cannot. */
  onResult({ from, term, stream, place, nextOffset, isAccepted }: SnapshotChunkResult): void {
    const transfer = this.#transfers.get(from);
    if (transfer?.reader == null || term !== transfer.order.term || stream !== transfer.order.stream) return;
    const { snapshot } = transfer.reader;
    if (place.index !== snapshot.place.index || place.term !== snapshot.place.term) return;
    // To answer is not enough: a disk that hangs answers nothing new. To put it in place may take its time.
    const isProgress = nextOffset !== transfer.ackedBytes || nextOffset === transfer.sizeBytes;
    if (isProgress) transfer.askedAt = null;
    if (isAccepted) {
      if (nextOffset <= transfer.sizeBytes) this.#onWanted(transfer, nextOffset);
    } else {
      this.#onRefused(transfer, place);
    }
  }

  /** Whoever was sent all of it may have found it damaged: then it is so here. */
  #onRefused(transfer: Transfer, place: EntryId): void {
    const { order, hasSentAll, sizeBytes } = transfer;
    const message = `Server ${order.to} cannot take the snapshot of entry ${place.index}.`;
    this.#fail(transfer, new RaftError("SNAPSHOT_FAILED", message));
    if (sizeBytes > 0 && hasSentAll) void this.#options.examine(place);
  }

  #onWanted(transfer: Transfer, nextOffset: number): void {
    const { isAnswered, ackedBytes, sizeBytes } = transfer;
    if (nextOffset === ackedBytes && isAnswered) return;
    if (nextOffset === 0 && sizeBytes > 0) {
      // It knows nothing of this snapshot, or no longer: it is told of it once more, not once for each such answer.
      if (!isAnswered) return;
      transfer.isAnswered = false;
      transfer.ackedBytes = 0;
      transfer.lastProgressAt = Number.NEGATIVE_INFINITY;
    } else {
      // It may have more than it was sent, by another leader; or less than it had.
      const goesOn = isAnswered && nextOffset >= ackedBytes;
      transfer.sentBytes = goesOn ? Math.max(transfer.sentBytes, nextOffset) : nextOffset;
      transfer.isAnswered = true;
      transfer.ackedBytes = nextOffset;
      transfer.hasSentAll ||= nextOffset === sizeBytes;
      transfer.lastProgressAt = this.#options.clock.now();
    }
    this.#options.schedule();
  }

  /** Sends what may be sent, and ends what is over: in every turn, after everything else was sent. */
  pump(now: number): void {
    for (const transfer of this.#transfers.values()) {
      if (!this.#isCurrent(transfer)) this.#end(transfer.order.to);
      else if (transfer.failsAt !== null) this.#tellFailure(transfer, now);
      else if (now >= this.#silentAt(transfer)) this.#onSilence(transfer);
      else this.#sendNext(transfer, now);
    }
  }

  /** When it wants its next turn. */
  get wakeAt(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const transfer of this.#transfers.values()) {
      const wakeAt = transfer.failsAt ?? Math.min(this.#silentAt(transfer), this.#wantsToSendAt(transfer));
      earliest = Math.min(earliest, wakeAt);
    }
    return earliest;
  }

  /** The log is kept from here on, so that who has taken in a snapshot can go on after it (PITFALLS S14). */
  get neededAfter(): Index {
    let needed = Number.POSITIVE_INFINITY;
    for (const { reader, failsAt } of this.#transfers.values()) {
      if (failsAt === null) needed = Math.min(needed, reader?.snapshot.place.index ?? this.#newestIndex());
    }
    return needed;
  }

  get transfers(): readonly OutgoingSnapshot[] {
    return [...this.#transfers.values()].map(({ order, reader, sizeBytes, ackedBytes }) => {
      return { to: order.to, index: reader?.snapshot.place.index ?? 0, sizeBytes, ackedBytes };
    });
  }

  stop(): void {
    this.#isStopped = true;
    for (const to of [...this.#transfers.keys()]) this.#end(to);
  }

  #newestIndex(): Index {
    return this.#options.storage.newest()?.place.index ?? 0;
  }

  async #open(transfer: Transfer): Promise<void> {
    const { storage, take, isWitness, schedule } = this.#options;
    if (storage.newest() === null) await take();
    const reader = await storage.read();
    if (reader === null) throw new RaftError("SNAPSHOT_FAILED", "There is no snapshot to send.");
    if (this.#transfers.get(transfer.order.to) !== transfer || this.#isStopped) {
      await reader.close();
      return;
    }
    transfer.reader = reader;
    transfer.sizeBytes = isWitness(transfer.order.to) ? 0 : reader.snapshot.sizeBytes;
    transfer.isReading = false;
    schedule();
  }

  /** Whether the follower still waits for this, from this server. */
  #isCurrent({ order, isAnswered, ackedBytes, sizeBytes }: Transfer): boolean {
    const { raft } = this.#options;
    if (raft.currentTerm !== order.term) return false;
    if (raft.role !== "leader") return raft.leaderId === NOBODY && !(isAnswered && ackedBytes === sizeBytes);
    return raft.followers.find(({ id }) => id === order.to)?.state === "snapshot";
  }

  #sendNext(transfer: Transfer, now: number): void {
    const { schedule } = this.#options;
    if (transfer.isReading || transfer.reader === null || now < this.#wantsToSendAt(transfer)) return;
    if (!this.#hasMore(transfer)) transfer.sentBytes = transfer.ackedBytes;
    transfer.isReading = true;
    const { reader } = transfer;
    this.#sendChunk(transfer, reader).then(schedule, (error: unknown) => {
      this.#fail(transfer, error);
      void this.#options.examine(reader.snapshot.place);
    });
  }

  /** When a follower that does not answer is given up. */
  #silentAt({ askedAt }: Transfer): number {
    return askedAt === null ? Number.POSITIVE_INFINITY : askedAt + this.#options.snapshotTimeoutMs;
  }

  /** When the next chunk should go: now if there is room for it, else when what is under way counts as lost. */
  #wantsToSendAt(transfer: Transfer): number {
    if (transfer.isReading || transfer.reader === null) return Number.POSITIVE_INFINITY;
    if (this.#hasMore(transfer)) return this.#nextSendAt;
    return transfer.lastProgressAt + RESEND_PART * this.#options.snapshotTimeoutMs;
  }

  /** Whether there is something to send, and room for it. */
  #hasMore({ isAnswered, sentBytes, ackedBytes, sizeBytes }: Transfer): boolean {
    const windowBytes = WINDOW_CHUNKS * this.#options.snapshotChunkBytes;
    return isAnswered && sentBytes < sizeBytes && sentBytes - ackedBytes < windowBytes;
  }

  async #sendChunk(transfer: Transfer, reader: SnapshotReader): Promise<void> {
    const { nodeId, clock, snapshotChunkBytes, snapshotBytesPerSecond, send } = this.#options;
    const { order, sentBytes: offset, sizeBytes } = transfer;
    const { place, checksum, header } = reader.snapshot;
    const data = offset < sizeBytes ? await reader.read(offset, snapshotChunkBytes) : NO_BYTES;
    // What the follower said meanwhile, or another order, makes it another chunk that is wanted.
    transfer.isReading = false;
    if (this.#transfers.get(order.to) !== transfer || transfer.sentBytes !== offset || this.#isStopped) return;
    const now = clock.now();
    this.#nextSendAt = Math.max(now, this.#nextSendAt) + (1000 * data.length) / snapshotBytesPerSecond;
    transfer.askedAt ??= now;
    transfer.lastProgressAt = now;
    transfer.sentBytes = offset + data.length;
    transfer.hasSentAll ||= transfer.sentBytes === sizeBytes;
    send({
      kind: "snapshotChunk",
      from: nodeId,
      to: order.to,
      term: order.term,
      stream: order.stream,
      place,
      sizeBytes,
      checksum: sizeBytes === 0 ? 0 : checksum,
      offset,
      header: offset === 0 ? header : NO_BYTES,
      data,
    });
  }

  #onSilence(transfer: Transfer): void {
    const { to } = transfer.order;
    const message = `Server ${to} has taken in nothing for ${this.#options.snapshotTimeoutMs} ms.`;
    this.#fail(transfer, new RaftError("SNAPSHOT_FAILED", message));
  }

  /** The core hears of it a little later: what fails at once must not be tried again at once. */
  #fail(transfer: Transfer, error: unknown): void {
    if (this.#isStopped || transfer.failsAt !== null || this.#transfers.get(transfer.order.to) !== transfer) return;
    transfer.failsAt = this.#options.clock.now() + RETRY_AFTER_MS;
    this.#options.onWarning(error);
    this.#options.schedule();
  }

  #tellFailure({ order, failsAt }: Transfer, now: number): void {
    if (failsAt === null || now < failsAt) return;
    this.#end(order.to);
    this.#options.step({ kind: "snapshotFailed", to: order.to, term: order.term, stream: order.stream });
    this.#options.schedule();
  }

  #end(to: NodeId): void {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return;
    this.#transfers.delete(to);
    transfer.reader?.close().catch(this.#options.onWarning);
  }
}
