/**
 * What follows from the facts: everything in an {@link Effects} may be done at once, in any order.
 *
 * The outbox is where a message waits that must not leave before a write is durable. It knows two verbs: `send`,
 * and `promise` for what must survive a crash: a granted vote, a campaign, an acknowledged append (dissertation 3.8;
 * PITFALLS E3, P1, P2, P19). A promise leaves with the drain after `persisted` covered the newest write that was
 * asked for when the promise was made.
 */

import type { OutgoingMessage } from "./messages.js";
import type { Entry, EntryId, HardState, Index, NodeId, Term } from "./types.js";

/**
 * One atomic change of what is stored: first `hardState`, then `reset`, then everything from `truncateFrom` on goes,
 * then `append`.
 * Writes are carried out in order of `seq`, which rises by one; several may be joined into one durable step.
 */
export interface Write {
  readonly seq: number;
  readonly hardState: HardState | null;
  /** All entries go, and the log begins anew right after this place, whose snapshot is durable; null if it does not. */
  readonly reset: EntryId | null;
  /** The first index that goes, and everything after it; null if nothing does. Never at or below a committed index. */
  readonly truncateFrom: Index | null;
  /** Consecutive entries, the first right after what is left of the log. */
  readonly append: readonly Entry[];
}

/** What became of a `propose`. */
export type ProposalOutcome =
  | { readonly proposalId: number; readonly accepted: true; readonly firstIndex: Index; readonly term: Term }
  | { readonly proposalId: number; readonly accepted: false; readonly leaderId: NodeId };

/** The lease that vouches for a read: whose it was, and until when, by the clock of the server that reads. */
export interface ReadLease {
  readonly leaderId: NodeId;
  readonly term: Term;
  readonly until: number;
}

/**
 * Why a read was refused: no leader could be asked, or none confirmed; it hands over, and takes as little as it takes
 * proposals (PITFALLS Q6); or too many are waiting already (Q5).
 */
export type ReadRefusal = "noLeader" | "transferring" | "overloaded";

/**
 * What became of a `read`: ready to be served once everything up to `index` is applied, or refused. One that rests on a
 * lease says so: what was read then counts only if `Raft.lasts` still says yes.
 */
export type ReadOutcome =
  | { readonly readId: number; readonly ready: true; readonly index: Index; readonly lease?: ReadLease }
  | { readonly readId: number; readonly ready: false; readonly refusal: ReadRefusal };

/**
 * Why a change of members was refused (PITFALLS M24): this server does not lead; it leads, but has not committed an
 * entry of its term yet; an earlier change is not done; another configuration is in force than the change is based on;
 * leadership is being handed over; what is wanted is no valid configuration; too few of the new voters are in touch; or,
 * where all members have to agree, one of them is not.
 */
export type ChangeRefusal =
  | "notLeader"
  | "notReady"
  | "changePending"
  | "versionMismatch"
  | "transferring"
  | "invalid"
  | "wouldLoseQuorum"
  | "outOfTouch";

/**
 * What became of a `changeMembers`: refused, and nothing was done; or in the log at `index`; or there before, and then
 * committed, for there was nothing to do.
 */
export type ChangeOutcome =
  | { readonly changeId: number; readonly accepted: true; readonly index: Index; readonly term: Term }
  | {
      readonly changeId: number;
      readonly accepted: false;
      readonly refusal: ChangeRefusal;
      /** More about it, for people. */
      readonly reason: string;
      readonly leaderId: NodeId;
    };

/**
 * How a `transferLeadership` ended. `leadershipEnded`: this server no longer leads, and most likely the target does.
 * `timedOut`: it still leads; the target may yet take over. The others: nothing was done.
 */
export type TransferResult = "leadershipEnded" | "timedOut" | "notLeader" | "transferring" | "noTarget";

export interface TransferOutcome {
  readonly transferId: number;
  readonly to: NodeId;
  readonly result: TransferResult;
}

/** The consequences of all facts since the last drain. */
export interface Effects {
  /** To be stored durably, then reported by `persisted(seq)`. */
  readonly write: Write | null;
  /** To be sent now. May be lost, duplicated or reordered on the way. */
  readonly messages: readonly OutgoingMessage[];
  /** Everything up to here is committed, durable on this server, and may be applied. Never falls. */
  readonly applyTo: Index;
  readonly proposals: readonly ProposalOutcome[];
  readonly reads: readonly ReadOutcome[];
  readonly changes: readonly ChangeOutcome[];
  readonly transfers: readonly TransferOutcome[];
  /** When the core wants its next `tick`, on the scale of the `now` it is given; never later than this. */
  readonly deadline: number;
}

/** Stands where nothing has gathered yet, and is never added to. */
const NOTHING: never[] = [];

/** `list` and `item`: mostly one or two come in a drain, and an array that grows gets room for sixteen more. */
function added<Item>(list: Item[], item: Item): Item[] {
  if (list.length === 0) return [item];
  if (list.length === 1) return [list[0] as Item, item];
  list.push(item);
  return list;
}

interface Promised {
  readonly seq: number;
  readonly message: OutgoingMessage;
}

/** A write that was asked for and is not yet known to be durable. */
interface Outstanding {
  readonly seq: number;
  /** The last index that is durable once this write is; lowered when a later truncation reaches below it (P3). */
  lastIndex: Index;
}

/** Whether both answer, or ask, the same server about the same thing: the same stream of appends, the same campaign. */
function isRepetition(earlier: OutgoingMessage, later: OutgoingMessage): boolean {
  if (earlier.to !== later.to || earlier.term !== later.term || earlier.kind !== later.kind) return false;
  if (earlier.kind !== "appendEntriesResult" || later.kind !== "appendEntriesResult") return true;
  return earlier.stream === later.stream;
}

/** An append that arrives late acknowledges less than one that came before it. */
function saysMore(earlier: OutgoingMessage, later: OutgoingMessage): boolean {
  return (
    earlier.kind === "appendEntriesResult" &&
    later.kind === "appendEntriesResult" &&
    earlier.matchIndex > later.matchIndex
  );
}

/** Gathers consequences between two drains, and holds promises until their write is durable. */
export class Outbox {
  #messages: OutgoingMessage[] = NOTHING;
  #proposals: ProposalOutcome[] = NOTHING;
  #reads: ReadOutcome[] = NOTHING;
  #changes: ChangeOutcome[] = NOTHING;
  #transfers: TransferOutcome[] = NOTHING;
  #hardState: HardState | null = null;
  #reset: EntryId | null = null;
  #truncateFrom: Index | null = null;
  #append: Entry[] = NOTHING;
  /** The newest write that was asked for; the one being gathered will be the next. */
  #seq = 0;
  #persistedSeq = 0;
  #promised: Promised[] = [];
  #outstanding: Outstanding[] = [];
  /** The last entry that is durable and will stay so unless it is truncated. */
  #durableIndex: Index;

  constructor(durableIndex: Index) {
    this.#durableIndex = durableIndex;
  }

  get durableIndex(): Index {
    return this.#durableIndex;
  }

  /** A message that claims nothing which a crash could make untrue. */
  send(message: OutgoingMessage): void {
    this.#messages = added(this.#messages, message);
  }

  /**
   * A message that must wait until everything asked to be written so far is durable. Where several wait for the same
   * write and say the same thing, only what says most is kept: a disk that hangs must not gather them (PITFALLS F4).
   */
  promise(message: OutgoingMessage): void {
    const seq = this.coveringSeq();
    if (seq <= this.#persistedSeq) {
      this.#messages = added(this.#messages, message);
      return;
    }
    for (let place = this.#promised.length - 1; place >= 0; place -= 1) {
      const earlier = this.#promised[place] as Promised;
      if (earlier.seq < seq) break;
      if (!isRepetition(earlier.message, message)) continue;
      if (!saysMore(earlier.message, message)) this.#promised[place] = { seq, message };
      return;
    }
    this.#promised.push({ seq, message });
  }

  /** The write after which all that has been asked for so far is durable. */
  coveringSeq(): number {
    return this.#isDirty() ? this.#seq + 1 : this.#seq;
  }

  /** Whether every write up to `seq` is durable; for the promises that a server makes to itself. */
  isDurable(seq: number): boolean {
    return seq <= this.#persistedSeq;
  }

  answerProposal(outcome: ProposalOutcome): void {
    this.#proposals = added(this.#proposals, outcome);
  }

  answerRead(outcome: ReadOutcome): void {
    this.#reads = added(this.#reads, outcome);
  }

  answerChange(outcome: ChangeOutcome): void {
    this.#changes = added(this.#changes, outcome);
  }

  answerTransfer(outcome: TransferOutcome): void {
    this.#transfers = added(this.#transfers, outcome);
  }

  writeHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  writeTruncation(from: Index): void {
    const gathered = this.#append[0];
    if (gathered !== undefined && from > gathered.index) {
      this.#append.length = from - gathered.index;
    } else {
      if (gathered === undefined || from < gathered.index) this.#truncateFrom = from;
      this.#append = NOTHING;
    }
    this.#durableIndex = Math.min(this.#durableIndex, from - 1);
    for (const write of this.#outstanding) write.lastIndex = Math.min(write.lastIndex, from - 1);
  }

  /** The log begins anew after `place`, up to which a snapshot is durable already. */
  writeReset(place: EntryId): void {
    this.#reset = place;
    this.#truncateFrom = null;
    this.#append = NOTHING;
    // What earlier writes add is gone with the log; what they stored of it no longer counts.
    for (const write of this.#outstanding) write.lastIndex = Math.min(write.lastIndex, place.index);
    this.#durableIndex = place.index;
  }

  /** A snapshot makes everything up to `index` durable, whatever the log's own writes have come to. */
  snapshotted(index: Index): void {
    this.#durableIndex = Math.max(this.#durableIndex, index);
  }

  writeEntry(entry: Entry): void {
    this.#append = added(this.#append, entry);
  }

  /** Takes in that every write up to `seq` is durable. */
  persisted(seq: number): void {
    if (seq <= this.#persistedSeq) return;
    if (seq > this.#seq) throw new RangeError(`persisted(${seq}), but the newest write is ${this.#seq}`);
    this.#persistedSeq = seq;
    for (let write = this.#outstanding[0]; write !== undefined && write.seq <= seq; write = this.#outstanding[0]) {
      this.#durableIndex = Math.max(this.#durableIndex, write.lastIndex);
      this.#outstanding.shift();
    }
    for (let first = this.#promised[0]; first !== undefined && first.seq <= seq; first = this.#promised[0]) {
      this.#messages = added(this.#messages, first.message);
      this.#promised.shift();
    }
  }

  drain(lastIndex: Index, commitIndex: Index, deadline: number): Effects {
    const effects: Effects = {
      write: this.#drainWrite(lastIndex),
      messages: this.#messages,
      applyTo: Math.min(commitIndex, this.#durableIndex),
      proposals: this.#proposals,
      reads: this.#reads,
      changes: this.#changes,
      transfers: this.#transfers,
      deadline,
    };
    this.#messages = NOTHING;
    this.#proposals = NOTHING;
    this.#reads = NOTHING;
    this.#changes = NOTHING;
    this.#transfers = NOTHING;
    return effects;
  }

  #drainWrite(lastIndex: Index): Write | null {
    if (!this.#isDirty()) return null;
    this.#seq += 1;
    const write: Write = {
      seq: this.#seq,
      hardState: this.#hardState,
      reset: this.#reset,
      truncateFrom: this.#truncateFrom,
      append: this.#append,
    };
    this.#outstanding.push({ seq: this.#seq, lastIndex });
    this.#hardState = null;
    this.#reset = null;
    this.#truncateFrom = null;
    this.#append = NOTHING;
    return write;
  }

  #isDirty(): boolean {
    return this.#hardState !== null || this.#reset !== null || this.#truncateFrom !== null || this.#append.length > 0;
  }
}
