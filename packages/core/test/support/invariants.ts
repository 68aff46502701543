/**
 * What must hold in every run, whatever the network and the disks do (Figure 3 of the paper, and PITFALLS §13): checked
 * after each fact, each drain, each finished write, and before each message leaves. A breach throws an Error that says
 * which rule and where.
 */

import type { Effects, Entry, Index, NodeId, ReadOutcome, SnapshotPoint, Term, Write } from "../../src/index.js";
import { isSameEntry } from "./entries.js";
import { checkChange, ensureMajorities, isOfNobody } from "./membership-invariants.js";
import type { Server, Travelling } from "./server.js";

export function ensure(condition: boolean, describe: () => string): asserts condition {
  if (!condition) throw new Error(describe());
}

/** What a server was seen to be; it may not go back on it while it lives. */
interface Seen {
  currentTerm: Term;
  commitIndex: Index;
  applyTo: Index;
  isLeader: boolean;
}

export class Invariants {
  readonly #servers = new Map<NodeId, Server>();
  readonly #seen = new Map<NodeId, Seen>();
  /** Who led which term, ever. */
  readonly leaders = new Map<Term, NodeId>();
  /** Every entry ever written, by index and term, with the term of the one before it. */
  readonly #written = new Map<string, { entry: Entry; prevTerm: Term }>();
  /** Every entry ever committed, from index 1 on, with the term in which it was. */
  readonly committed: { entry: Entry; inTerm: Term }[] = [];
  /** Who got the vote of a server in a term, by all that ever left the server or reached its disk. */
  readonly #votes = new Map<string, NodeId>();
  /** What a read must show at least: the highest commit index that anyone knew when it began. */
  readonly #readFloors = new Map<string, Index>();

  constructor(servers: readonly Server[]) {
    for (const server of servers) this.add(server);
  }

  add(server: Server): void {
    const { id, disk } = server;
    this.#servers.set(id, server);
    this.#seen.set(id, { currentTerm: 0, commitIndex: 0, applyTo: 0, isLeader: false });
    for (const [place, entry] of disk.entries.entries())
      this.#onWritten(entry, disk.entries[place - 1]?.term ?? disk.compacted.term);
  }

  get highestCommit(): Index {
    return this.committed.length;
  }

  afterStep(server: Server): void {
    const { id, raft } = server;
    const seen = this.#seenOf(id);
    ensure(
      raft.currentTerm >= seen.currentTerm,
      () => `term of n${id} falls from ${seen.currentTerm} to ${raft.currentTerm}`,
    );
    const isNewTerm = raft.currentTerm > seen.currentTerm;
    seen.currentTerm = raft.currentTerm;
    if (raft.role === "leader" && (isNewTerm || !seen.isLeader)) this.#onElected(server);
    seen.isLeader = raft.role === "leader";
  }

  /** Election Safety and Leader Completeness. */
  #onElected({ id, raft, disk }: Server): void {
    const { currentTerm, configuration } = raft;
    ensureMajorities(
      configuration,
      (voter) => this.#votes.get(`${voter}@${currentTerm}`) === id,
      () => `n${id} leads term ${currentTerm} without the votes for it`,
    );
    const other = this.leaders.get(currentTerm);
    ensure(other === undefined || other === id, () => `n${other} and n${id} both lead term ${currentTerm}`);
    this.leaders.set(currentTerm, id);
    for (const { entry, inTerm } of this.committed) {
      const { index, term } = entry;
      const isThere = inTerm >= currentTerm || index <= disk.compacted.index || disk.entryAt(index)?.term === term;
      ensure(
        isThere,
        () => `n${id} leads term ${currentTerm} without entry ${entry.index}, committed in term ${inTerm}`,
      );
    }
  }

  afterDrain(server: Server, effects: Effects): void {
    this.afterStep(server);
    const seen = this.#seenOf(server.id);
    const { commitIndex, lastIndex, durableIndex } = server.status;
    const { id, disk } = server;
    if (effects.write !== null) this.#onWrite(server, effects.write, seen);
    ensure(
      lastIndex === disk.compacted.index + disk.entries.length,
      () => `n${id} knows ${lastIndex} entries, not those it wrote`,
    );
    if (effects.write !== null) checkConfiguration(server);
    ensure(commitIndex >= seen.commitIndex, () => `commit of n${id} falls from ${seen.commitIndex} to ${commitIndex}`);
    for (let index = seen.commitIndex + 1; index <= commitIndex; index += 1) this.#onCommitted(server, index);
    if (commitIndex > seen.commitIndex && server.raft.role === "leader") this.#onLeaderCommitted(server, effects);
    seen.commitIndex = commitIndex;
    const isTrulyDurable =
      durableIndex <= (disk.snapshot?.index ?? 0) ||
      isSameEntry(disk.durableEntryAt(durableIndex), disk.entryAt(durableIndex));
    ensure(isTrulyDurable, () => `n${id} believes that entry ${durableIndex} is durable`);
    ensure(effects.applyTo >= seen.applyTo, () => `n${id} would apply up to ${effects.applyTo} after ${seen.applyTo}`);
    ensure(
      effects.applyTo <= Math.min(commitIndex, durableIndex),
      () => `n${id} would apply ${effects.applyTo}, beyond what is committed and durable`,
    );
    seen.applyTo = effects.applyTo;
    ensure(!Number.isNaN(effects.deadline), () => `n${id} names no deadline`);
    this.#checkFollowers(server);
  }

  #checkFollowers({ id, status }: Server): void {
    for (const { id: follower, matchIndex, nextIndex } of status.followers) {
      ensure(matchIndex < nextIndex, () => `n${id} has match ${matchIndex} and next ${nextIndex} for n${follower}`);
      ensure(
        matchIndex <= status.lastIndex,
        () => `n${id} has match ${matchIndex} for n${follower}, beyond its own log`,
      );
    }
  }

  /** Leader Append-Only, Log Matching, and no committed entry is ever truncated. */
  #onWrite(server: Server, { reset, truncateFrom, append }: Write, seen: Seen): void {
    const { id, disk } = server;
    ensure((truncateFrom === null && reset === null) || !seen.isLeader, () => `n${id} cuts its log while it leads`);
    ensure(
      reset === null || reset.index >= seen.commitIndex,
      () => `n${id} begins its log anew after ${reset?.index}, but ${seen.commitIndex} is committed`,
    );
    ensure(
      truncateFrom === null || truncateFrom > seen.commitIndex,
      () => `n${id} truncates committed entry ${truncateFrom}`,
    );
    for (const entry of append) {
      this.#onWritten(entry, disk.entryAt(entry.index - 1)?.term ?? disk.compacted.term);
      if (seen.isLeader && entry.kind === "membership") checkChange(server, entry);
    }
  }

  #onWritten(entry: Entry, prevTerm: Term): void {
    const key = `${entry.index}@${entry.term}`;
    const known = this.#written.get(key);
    if (known === undefined) this.#written.set(key, { entry, prevTerm });
    else
      ensure(
        isSameEntry(known.entry, entry) && known.prevTerm === prevTerm,
        () => `two entries or two pasts at ${key}`,
      );
  }

  /** State Machine Safety. */
  #onCommitted({ id, raft, disk }: Server, index: Index): void {
    const entry = disk.entryAt(index);
    if (entry === undefined && index <= disk.compacted.index) return;
    ensure(entry !== undefined, () => `n${id} commits ${index}, beyond its log`);
    const known = this.committed[index - 1];
    if (known !== undefined) {
      ensure(
        isSameEntry(known.entry, entry),
        () => `n${id} commits ${index}@${entry.term}, but ${index}@${known.entry.term} is committed`,
      );
    } else {
      this.committed[index - 1] = { entry, inTerm: raft.currentTerm };
    }
  }

  /** Of every set of voters in force a majority would still have the entry if all machines stopped now (C4, M16). */
  #onLeaderCommitted({ id, raft, disk }: Server, { write }: Effects): void {
    const index = raft.commitIndex;
    const term = disk.entryAt(index)?.term ?? disk.compacted.term;
    // The same drain may have committed something first, and then gone on to the next configuration.
    const isNew = write?.append.some((entry) => entry.index === raft.configurationIndex) === true;
    const before = isNew ? raft.configurationIndex - 1 : raft.configurationIndex;
    ensureMajorities(
      disk.configurationAt(before).configuration,
      (voter) => this.#servers.get(voter)?.disk.holdsDurably({ index, term }) === true,
      () => `n${id} commits entry ${index} of term ${term}, which too few hold`,
    );
  }

  /** A snapshot stands for what is committed, and for the members at its index (PITFALLS M19). */
  onSnapshot({ id }: Server, { index, term, membership }: SnapshotPoint): void {
    const known = this.committed[index - 1];
    ensure(known?.entry.term === term, () => `n${id} has a snapshot of entry ${index} of term ${term}, not committed`);
    const isMembership = ({ entry }: { entry: Entry }): boolean => entry.kind === "membership";
    const last = this.committed.slice(0, index).filter(isMembership).pop();
    ensure(
      isOfNobody(membership) ? last === undefined : last?.entry.index === membership.index,
      () => `n${id} has a snapshot of entry ${index} with the members of entry ${membership.index}`,
    );
  }

  /** One vote a term, over everything the disk ever held. */
  afterPersist({ id, disk }: Server): void {
    const { currentTerm, votedFor } = disk.durableHardState;
    if (votedFor !== 0) this.#onVote(id, currentTerm, votedFor);
  }

  #onVote(voter: NodeId, term: Term, candidate: NodeId): void {
    const before = this.#votes.get(`${voter}@${term}`);
    ensure(
      before === undefined || before === candidate,
      () => `n${voter} votes for n${before} and n${candidate} in term ${term}`,
    );
    this.#votes.set(`${voter}@${term}`, candidate);
  }

  /** A message says nothing that a crash could make untrue. */
  beforeSend(server: Server, message: Travelling): void {
    switch (message.kind) {
      case "requestVote":
        this.#onVote(server.id, message.term, server.id);
        return checkCampaign(server, message.term, message.lastLogIndex, message.lastLogTerm);
      case "requestVoteResult":
        if (!message.voteGranted) return;
        this.#onVote(server.id, message.term, message.to);
        return checkVoteIsDurable(server, message.term, message.to);
      case "appendEntriesResult":
        if (message.success) this.#checkAcknowledgement(server, message.to, message.term, message.matchIndex);
        return;
      case "appendEntries":
      case "heartbeat":
      case "commit":
      case "timeoutNow":
        ensure(
          this.leaders.get(message.term) === server.id,
          () => `n${server.id} sends as leader of term ${message.term}`,
        );
    }
  }

  /** Whoever acknowledges holds the leader's entry durably. What a later term took away may still be on its way. */
  #checkAcknowledgement(server: Server, to: NodeId, term: Term, matchIndex: Index): void {
    const leader = this.#servers.get(to) as Server;
    const { snapshot } = server.disk;
    if (server.raft.currentTerm !== term || matchIndex <= (snapshot?.index ?? 0)) return;
    const durable = server.disk.durableEntryAt(matchIndex);
    ensure(durable !== undefined, () => `n${server.id} acknowledges entry ${matchIndex}, which is not durable`);
    if (!this.#seenOf(to).isLeader || leader.raft.currentTerm !== term) return;
    if (matchIndex <= leader.disk.compacted.index) return;
    ensure(
      isSameEntry(durable, leader.disk.entryAt(matchIndex)),
      () => `n${server.id} acknowledges ${matchIndex}@${durable.term}, which n${to} does not have`,
    );
  }

  beforeRead({ id, lives }: Server, readId: number, running: readonly Server[]): void {
    const floor = Math.max(0, ...running.map(({ raft }) => raft.commitIndex));
    this.#readFloors.set(`${id}/${lives}/${readId}`, floor);
  }

  /** Linearizability: a read shows at least what anyone knew to be committed when it began. */
  afterRead({ id, lives }: Server, outcome: ReadOutcome): void {
    const floor = this.#readFloors.get(`${id}/${lives}/${outcome.readId}`);
    ensure(floor !== undefined, () => `n${id} answers read ${outcome.readId}, which nobody asked`);
    ensure(
      !outcome.ready || outcome.index >= floor,
      () => `read ${outcome.readId} on n${id} is stale: it may miss entry ${floor}`,
    );
  }

  afterCrash(server: Server): void {
    this.afterPersist(server);
    this.#seenOf(server.id).isLeader = false;
  }

  afterRestart({ id, raft, disk }: Server): void {
    const term = Math.max(disk.durableHardState.currentTerm, disk.snapshot?.term ?? 0);
    ensure(raft.currentTerm === term, () => `n${id} restarts in term ${raft.currentTerm}, not ${term}`);
    ensure(raft.role === "follower", () => `n${id} restarts as ${raft.role}`);
    this.#seen.set(id, { currentTerm: raft.currentTerm, commitIndex: raft.commitIndex, applyTo: 0, isLeader: false });
  }

  #seenOf(id: NodeId): Seen {
    return this.#seen.get(id) as Seen;
  }
}

/** The configuration in force is a function of the log (PITFALLS M4). */
function checkConfiguration({ id, raft, disk }: Server): void {
  const { index, configuration } = disk.configurationAt(Number.POSITIVE_INFINITY);
  ensure(
    raft.configurationIndex === index && JSON.stringify(raft.configuration) === JSON.stringify(configuration),
    () => `configuration of n${id} is not that of its log`,
  );
}

/** A request for votes leaves after the candidate's own vote and its log are durable (PITFALLS E3). */
function checkCampaign(server: Server, term: Term, lastLogIndex: Index, lastLogTerm: Term): void {
  checkVoteIsDurable(server, term, server.id);
  const { raft, disk } = server;
  if (raft.role !== "candidate" || raft.currentTerm !== term) return;
  const { snapshot } = disk;
  const lastTerm = lastLogIndex === snapshot?.index ? snapshot.term : disk.durableEntryAt(lastLogIndex)?.term;
  ensure(lastTerm === lastLogTerm, () => `n${server.id} campaigns with entry ${lastLogIndex}, which is not durable`);
}

function checkVoteIsDurable({ id, disk }: Server, term: Term, candidate: NodeId): void {
  const { currentTerm, votedFor } = disk.durableHardState;
  const isDurable = currentTerm > term || (currentTerm === term && votedFor === candidate);
  ensure(isDurable, () => `n${id} tells of its vote for n${candidate} in term ${term} before it is durable`);
}
