/** What the ledger remembers of each server, and of each term. */

import { type Index, type MemberChange, NOBODY, type NodeId, type Term } from "@quorate/core";
import type { EntryNode, Membership } from "./entry-tree.js";

/** What a disk holds after one of the writes. */
export interface DiskState {
  /** The write; 0 for what was there when the life began. */
  readonly seq: number;
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  /** The last entry of the log. */
  readonly tip: EntryNode;
  /** When the write was asked for. */
  readonly at: number;
}

/** A vote that is on a disk or was told to anybody. */
export interface Vote {
  readonly candidate: NodeId;
  readonly at: number;
}

/** A server stands for a term. */
export interface Campaign {
  readonly term: Term;
  readonly life: number;
  /** The last entry of its log at that time. */
  readonly tip: EntryNode;
  readonly at: number;
  /** Who said that they voted for it. */
  readonly grants: NodeId[];
}

/** One server leads one term. */
export class Leadership {
  readonly term: Term;
  readonly id: NodeId;
  readonly life: number;
  readonly since: number;
  /** The last entry of the leader's log, as far as it was seen to lead. */
  tip: EntryNode;
  commitIndex: Index = 0;
  /** By server: the last entry that it acknowledged in this term. */
  readonly acked: (Index | undefined)[] = [];
  /** By server: the last match index that the leader was seen to believe in. */
  readonly matches: (Index | undefined)[] = [];

  constructor(term: Term, server: ServerRecord, since: number) {
    this.term = term;
    this.id = server.id;
    this.life = server.lives;
    this.since = since;
    this.tip = server.asked.tip;
  }
}

/** A read that waits for its answer. */
export interface OpenRead {
  readonly floor: Index;
  readonly at: number;
}

/** A change of the configuration that waits for its answer. */
export interface OpenChange {
  readonly changeId: number;
  /** Null for one of something else. */
  readonly wanted: { readonly basedOn: Index; readonly members: readonly MemberChange[] } | null;
}

/** What a leader told a server that is to lead instead of it. */
export interface Appointment {
  readonly by: NodeId;
  readonly term: Term;
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
}

export interface OpenProposal {
  readonly proposalId: number;
  readonly commands: readonly Uint8Array[];
  readonly at: number;
}

export class ServerRecord {
  readonly id: NodeId;
  lives = 0;
  isRunning = false;

  // The disk.
  durable: DiskState;
  /** When `durable` came to be. */
  durableAt = 0;
  /** Asked for, in order, and not yet durable. */
  pending: DiskState[] = [];
  /** What the disk will hold once all that was asked for is durable. */
  asked: DiskState;
  /** The last entry that the newest durable snapshot stands for; null if there is none. */
  snapshot: EntryNode | null = null;
  /** The last entry that the core forgot. */
  compactedTo: Index = 0;
  /** Whether the next start may bring anything: the first one, and the one after a disk was lost. */
  isUnknown = true;
  /** The logs of disks that were lost. */
  readonly lost: EntryNode[] = [];
  /** By term. */
  votes = new Map<Term, Vote>();

  // The process.
  currentTerm: Term = 0;
  commitIndex: Index = 0;
  applyTo: Index = 0;
  appliedIndex: Index = 0;
  durableIndex: Index = 0;
  /** The configuration that was compared last, and with which. */
  membership: Membership | null = null;
  configuration: object | null = null;
  /** The leader of `currentTerm` at the end of its last turn. */
  isLeader = false;
  /** The newest. */
  leadership: Leadership | null = null;
  campaign: Campaign | null = null;
  readonly reads = new Map<number, OpenRead>();
  proposals: OpenProposal[] = [];
  changes: OpenChange[] = [];
  readonly transfers = new Set<number>();
  /** The configurations that it made since its last turn. */
  made: EntryNode[] = [];
  /** Whom it was handing over to at the end of its last turn. */
  transferTo: NodeId = NOBODY;
  /** Since when, by its own clock. */
  transferSince = 0;
  /** What its clock showed last, if anybody said. */
  clock = Number.NaN;
  /** The newest in this life. */
  appointments: Appointment[] = [];
  /** The highest term that it heard of in this life, from somebody whom it had to listen to. */
  heardTerm: Term = 0;
  /** Whether somebody handed out its log to it since its last turn. */
  hasPulled = false;
  /** Whether it was told nothing since its last turn. */
  isUntold = true;
  /** The leader that it heard last, in which term, and when by its own clock. */
  heardLeader: NodeId = NOBODY;
  heardLeaderTerm: Term = -1;
  heardLeaderAt = 0;

  constructor(id: NodeId, root: EntryNode) {
    this.id = id;
    this.durable = { seq: 0, currentTerm: 0, votedFor: NOBODY, tip: root, at: 0 };
    this.asked = this.durable;
  }
}
