/**
 * A stage on which cores are played by hand: honest until a test has one of them lie, so that the ledger can be seen to
 * catch just that. Everything is as the ledger would be told it by a world of real cores.
 */

import {
  type Configuration,
  decodeConfiguration,
  type Effects,
  type Entry,
  encodeConfiguration,
  type FollowerStatus,
  foundingConfiguration,
  type Message,
  NOBODY,
  type NodeId,
  type RestoredState,
  type SnapshotPoint,
  type Term,
  type Write,
} from "@quorate/core";
import { expect } from "vitest";
import { type CoreView, Ledger, type Violation } from "../../src/ledger/index.js";

type View = { -readonly [Key in keyof CoreView]: CoreView[Key] };
type Lie = Partial<View>;
type Asked = Partial<Omit<Write, "seq">> & { readonly seq?: number };
export type Come = Partial<Omit<Effects, "write">> & { readonly write?: Asked };

export function command(index: number, term: Term, text = `${index}@${term}`): Entry {
  return { index, term, kind: "command", data: Uint8Array.from(text, (character) => character.charCodeAt(0)) };
}

export function founding(size: number): Entry {
  const voters = Array.from({ length: size }, (_, place) => ({
    id: place + 1,
    name: `n${place + 1}`,
    address: `n${place + 1}:1`,
  }));
  return { index: 1, term: 1, kind: "membership", data: encodeConfiguration(foundingConfiguration(voters)) };
}

/** What a disk gives back: `terms` from index 1 on, the first of them the founding entry. */
export function restored(size: number, terms: readonly Term[], currentTerm: Term, votedFor: NodeId): RestoredState {
  const termRuns = terms
    .map((term, place) => ({ firstIndex: place + 1, term }))
    .filter(({ term }, place) => term !== terms[place - 1]);
  const memberships = [founding(size)];
  const compacted = { index: 0, term: 0 };
  return {
    hardState: { currentTerm, votedFor },
    compacted,
    lastIndex: terms.length,
    termRuns,
    memberships,
    snapshot: null,
  };
}

interface Actor {
  readonly view: View;
  seq: number;
  log: Entry[];
}

export class Stage {
  now = 0;
  /** Whether nobody hears what others say of their terms, and goes on all the same. */
  isSilent = false;
  readonly ledger: Ledger;
  readonly #violations: Violation[] = [];
  readonly #actors = new Map<NodeId, Actor>();
  /** What each of them gave free to be applied. */
  readonly #applyTo = new Map<NodeId, number>();
  readonly #size: number;

  /** All servers have the founding entry, and are in term 1. */
  constructor(size = 3) {
    this.#size = size;
    this.ledger = new Ledger({
      onViolation: (violation) => this.#violations.push(violation),
      now: () => this.now,
      electionTimeoutMs: 100,
    });
    for (let id = 1; id <= size; id += 1) this.start(id);
  }

  actor(id: NodeId): Actor {
    return this.#actors.get(id) as Actor;
  }

  start(id: NodeId, state: RestoredState = restored(this.#size, [1], 1, NOBODY)): void {
    this.ledger.onStart(id, state);
    const first = founding(this.#size);
    const view: View = {
      role: "follower",
      ...state.hardState,
      commitIndex: state.compacted.index,
      lastIndex: state.lastIndex,
      durableIndex: state.lastIndex,
      configuration: decodeConfiguration(first.data),
      configurationIndex:
        state.memberships[state.memberships.length - 1]?.index ?? state.snapshot?.membership.index ?? 0,
      followers: [],
      snapshotIndex: state.snapshot?.index ?? 0,
      compacted: state.compacted,
      transferTo: NOBODY,
    };
    const log = (this.#actors.get(id)?.log ?? [first]).slice(0, state.lastIndex);
    this.#actors.set(id, { view, seq: 0, log });
    this.#applyTo.set(id, state.compacted.index);
  }

  /** One turn of a core. What it asks to be written shows in what it is; `lie` says where it does not. */
  turn(id: NodeId, { write, ...come }: Come = {}, lie: Lie = {}): void {
    this.now += 1;
    const actor = this.actor(id);
    const { view } = actor;
    const hardState = write?.hardState ?? null;
    if (hardState !== null) {
      // Who stands goes one beyond what it knows.
      const heard = hardState.votedFor === id ? hardState.currentTerm - 1 : hardState.currentTerm;
      if (heard > view.currentTerm) this.hear(id, heard);
    }
    let asked: Write | null = null;
    if (write !== undefined) {
      actor.seq += 1;
      asked = { seq: actor.seq, hardState: null, reset: null, truncateFrom: null, append: [], ...write };
      const before = asked.reset === null ? actor.log : [];
      const kept = asked.truncateFrom === null ? before : before.slice(0, asked.truncateFrom - 1);
      actor.log = [...kept, ...asked.append];
      this.#followLog(actor);
      Object.assign(view, asked.hardState);
      view.lastIndex = actor.log[actor.log.length - 1]?.index ?? asked.reset?.index ?? 0;
      if (asked.truncateFrom !== null) view.durableIndex = Math.min(view.durableIndex, asked.truncateFrom - 1);
    }
    Object.assign(view, lie);
    const effects: Effects = {
      messages: [],
      applyTo: this.#applyTo.get(id) ?? 0,
      proposals: [],
      reads: [],
      changes: [],
      transfers: [],
      deadline: 100,
      ...come,
      write: asked,
    };
    this.#applyTo.set(id, effects.applyTo);
    this.ledger.onEffects(id, effects, view);
  }

  /** Somebody says that the term is `term` by now. */
  hear(id: NodeId, term: Term): void {
    const from = id === 1 ? 2 : 1;
    const message: Message = { kind: "readIndexResult", from, to: id, term, readId: 0, success: false, index: 0 };
    if (!this.isSilent) this.ledger.onStep(id, { kind: "receive", message });
  }

  /** The configuration in force is a function of the log. */
  #followLog({ log, view }: Actor): void {
    const carrier = log.filter(({ kind }) => kind === "membership").pop();
    if (carrier === undefined || carrier.index === view.configurationIndex) return;
    view.configuration = decodeConfiguration(carrier.data);
    view.configurationIndex = carrier.index;
  }

  /** The disk has all that was asked for, and the core knows. */
  store(id: NodeId): void {
    const { seq, view } = this.actor(id);
    this.ledger.onStored(id, seq);
    this.ledger.onStep(id, { kind: "persisted", seq });
    view.durableIndex = view.lastIndex;
    this.turn(id);
  }

  write(id: NodeId, write: Asked): void {
    this.turn(id, { write });
    this.store(id);
  }

  say(message: Message, id: NodeId = message.from): void {
    this.now += 1;
    this.ledger.onWire(id, message);
  }

  crash(id: NodeId): void {
    this.ledger.onCrash(id);
  }

  // --- what honest servers do ---

  stand(id: NodeId, term: Term): void {
    this.turn(id, { write: { hardState: { currentTerm: term, votedFor: id } } }, { role: "candidate", followers: [] });
    this.store(id);
  }

  askForVotes(id: NodeId, term: Term, to: NodeId): void {
    const last = this.actor(id).log[this.actor(id).log.length - 1] as Entry;
    const claim = { lastLogIndex: last.index, lastLogTerm: last.term };
    this.say({ kind: "requestVote", from: id, to, term, round: 1, isTransfer: false, ...claim });
  }

  vote(from: NodeId, term: Term, to: NodeId): void {
    this.turn(from, { write: { hardState: { currentTerm: term, votedFor: to } } }, { role: "follower", followers: [] });
    this.store(from);
    this.sayVote(from, term, to);
  }

  sayVote(from: NodeId, term: Term, to: NodeId): void {
    this.say({ kind: "requestVoteResult", from, to, term, round: 1, voteGranted: true });
  }

  /** A whole election; the leader opens its term with an entry. */
  elect(id: NodeId, term: Term, voters: readonly NodeId[]): void {
    this.stand(id, term);
    for (const voter of voters) {
      this.askForVotes(id, term, voter);
      this.vote(voter, term, id);
    }
    this.lead(id, term);
  }

  lead(id: NodeId, term: Term): void {
    const noop: Entry = { ...command(this.actor(id).view.lastIndex + 1, term), kind: "noop", data: new Uint8Array(0) };
    this.turn(id, { write: { append: [noop] } }, { role: "leader" });
    this.store(id);
  }

  append(id: NodeId, text = "x"): Entry {
    const { view } = this.actor(id);
    const entry = command(view.lastIndex + 1, view.currentTerm, text);
    this.write(id, { append: [entry] });
    return entry;
  }

  /** A leader has other members from now on; `lie` is what else it is seen to be in that turn. */
  change(id: NodeId, configuration: Configuration, lie: Lie = {}, come: Come = {}): Entry {
    const { view } = this.actor(id);
    const data = encodeConfiguration(configuration);
    const entry: Entry = { index: view.lastIndex + 1, term: view.currentTerm, kind: "membership", data };
    this.turn(id, { ...come, write: { append: [entry] } }, lie);
    this.store(id);
    return entry;
  }

  /** What a snapshot of the first `index` entries of a server's log stands for. */
  snapshotOf(id: NodeId, index: number): SnapshotPoint {
    const { log } = this.actor(id);
    const carrier = log.filter((entry) => entry.kind === "membership" && entry.index <= index).pop() as Entry;
    const membership = { index: carrier.index, configuration: decodeConfiguration(carrier.data) };
    return { index, term: (log[index - 1] as Entry).term, membership };
  }

  /** Everything up to the end of the leader's log is on `to`, and committed on both. */
  commitAll(id: NodeId, to: NodeId): void {
    this.replicate(id, to);
    this.commit(id, this.actor(id).view.lastIndex);
    this.turn(to, {}, { commitIndex: this.actor(id).view.lastIndex });
  }

  /** The follower takes over the leader's log and acknowledges it. */
  replicate(from: NodeId, to: NodeId): void {
    const { log, view } = this.actor(from);
    const { currentTerm: term } = view;
    const other = this.actor(to).log;
    let same = 0;
    while (same < other.length && other[same]?.term === log[same]?.term) same += 1;
    this.sendAppend(from, to, same);
    const hardState = this.actor(to).view.currentTerm < term ? { currentTerm: term, votedFor: NOBODY } : null;
    const truncateFrom = same < other.length ? same + 1 : null;
    this.turn(to, { write: { hardState, truncateFrom, append: log.slice(same) } }, { role: "follower" });
    this.store(to);
    this.acknowledge(to, from, term, log.length);
  }

  sendAppend(from: NodeId, to: NodeId, prevLogIndex: number, lie: object = {}): void {
    const { log, view } = this.actor(from);
    this.say({
      kind: "appendEntries",
      from,
      to,
      term: view.currentTerm,
      stream: 1,
      prevLogIndex,
      prevLogTerm: log[prevLogIndex - 1]?.term ?? 0,
      leaderCommit: view.commitIndex,
      entries: log.slice(prevLogIndex),
      ...lie,
    });
  }

  acknowledge(from: NodeId, to: NodeId, term: Term, matchIndex: number): void {
    const rest = { stream: 1, rejectedIndex: 0, hintIndex: 0, hintTerm: 0 };
    this.say({ kind: "appendEntriesResult", from, to, term, success: true, matchIndex, ...rest });
  }

  commit(id: NodeId, commitIndex: number): void {
    this.turn(id, {}, { commitIndex });
  }

  follower(id: NodeId, matchIndex: number, nextIndex = matchIndex + 1): FollowerStatus {
    return { id, state: "replicate", matchIndex, nextIndex, lastContactAt: 0, supportedLevels: null };
  }

  // --- what the ledger has to say ---

  expectNothing(): void {
    expect(this.#violations).toEqual([]);
  }

  /** Expects these contradictions so far, and that the facts of the last one show what `earlier` and `later` do. */
  expect(names: string | readonly string[], earlier: RegExp, later: RegExp): void {
    const oracles = this.#violations.map(({ oracle }) => oracle);
    expect(oracles).toEqual([names].flat().map((name) => `ledger/${name}`));
    const { facts, property, statement } = this.#violations[this.#violations.length - 1] as Violation;
    expect(facts[0]).toMatch(earlier);
    expect(facts[1]).toMatch(later);
    for (const sentence of [...facts, statement]) expect(sentence).toMatch(/^([A-Z]|n\d).*\.$/);
    expect(property).not.toBe("");
  }
}
