/**
 * The load of `pnpm bench core`: three cores in one thread, no I/O, messages passed as objects.
 *
 * A proposal counts once all three servers may apply it. A write is durable one round after it was asked for; logs
 * are arrays that are cut at the front, as an application with snapshots would, so that memory stays flat.
 */

import {
  type AppendRange,
  type Entry,
  encodeConfiguration,
  foundingConfiguration,
  type Message,
  Raft,
} from "@quorate/core";

const PAYLOAD_BYTES = 256;
const KEPT_ENTRIES = 4096;

/** What has arrived. Keeps its memory, so that little of what is measured is the harness. */
class Inbox {
  #arrived: Message[] = [];
  /** What `#arrived` was before: the two take turns. */
  #taken: Message[] = [];
  size = 0;

  add(message: Message): void {
    this.#arrived[this.size] = message;
    this.size += 1;
  }

  /** Hands out all that was here at the time of the call. */
  empty(step: (message: Message) => void): void {
    const { size } = this;
    [this.#arrived, this.#taken] = [this.#taken, this.#arrived];
    this.size = 0;
    for (let place = 0; place < size; place += 1) step(this.#taken[place] as Message);
  }
}

class Server {
  readonly raft: Raft;
  readonly #inbox = new Inbox();
  #persisted = 0;
  #entries: Entry[];
  #firstIndex = 1;
  appliedIndex = 1;

  constructor(id: number, first: Entry) {
    this.#entries = [first];
    const restored = {
      hardState: { currentTerm: 1, votedFor: 0 },
      compacted: { index: 0, term: 0 },
      lastIndex: 1,
      termRuns: [{ firstIndex: 1, term: 1 }],
      memberships: [first],
      snapshot: null,
    };
    this.raft = new Raft({ id, heartbeatIntervalMs: 50, electionTimeoutMs: 250, seed: id }, restored, 0);
  }

  /** Whether anything has come in since the last turn. */
  get hasWork(): boolean {
    return this.#persisted > 0 || this.#inbox.size > 0;
  }

  /** Takes in what has arrived, then draws the consequences once; returns how many messages leave. */
  turn(servers: readonly Server[], now: number): number {
    if (this.#persisted > 0) this.raft.step({ kind: "persisted", seq: this.#persisted }, now);
    this.#persisted = 0;
    this.#inbox.empty((message) => this.raft.step({ kind: "receive", message }, now));
    const { write, messages, applyTo } = this.raft.drain();
    if (write !== null) {
      if (write.truncateFrom !== null) this.#entries.length = write.truncateFrom - this.#firstIndex;
      for (const entry of write.append) this.#entries.push(entry);
      this.#persisted = write.seq;
    }
    for (const message of messages) {
      if (message.kind === "snapshotOrder") throw new Error("a log that its core does not compact needs no snapshot");
      const to = servers[message.to - 1] as Server;
      if (message.kind === "appendRange") to.#inbox.add(this.#fill(message));
      else if (message.kind !== "pulledRange") to.#inbox.add(message);
    }
    this.appliedIndex = applyTo;
    const surplus = this.appliedIndex - this.#firstIndex - 4 * KEPT_ENTRIES;
    if (surplus > 0) {
      this.#entries.splice(0, surplus + 3 * KEPT_ENTRIES);
      this.#firstIndex += surplus + 3 * KEPT_ENTRIES;
    }
    return messages.length;
  }

  #fill({ from, to, term, stream, prevLogIndex, prevLogTerm, lastIndex, leaderCommit }: AppendRange): Message {
    const entries = this.#entries.slice(prevLogIndex + 1 - this.#firstIndex, lastIndex + 1 - this.#firstIndex);
    return { kind: "appendEntries", from, to, term, stream, prevLogIndex, prevLogTerm, leaderCommit, entries };
  }
}

export interface CoreFigures {
  readonly proposals: number;
  readonly messages: number;
  readonly seconds: number;
}

/** Three cores, of which the first leads, and `inFlight` proposals that are kept under way. */
export class CoreLoad {
  readonly #inFlight: number;
  readonly #servers: readonly Server[];
  readonly #base: number;
  readonly #payload = new Uint8Array(PAYLOAD_BYTES);
  #proposed = 0;
  #round = 0;
  #now = 600;
  messages = 0;

  constructor(inFlight: number) {
    this.#inFlight = inFlight;
    const members = [1, 2, 3].map((id) => ({ id, name: `n${id}`, address: `n${id}` }));
    const data = encodeConfiguration(foundingConfiguration(members));
    const first: Entry = { index: 1, term: 1, kind: "membership", data };
    this.#servers = members.map(({ id }) => new Server(id, first));
    const leader = this.#leader;
    leader.raft.step({ kind: "tick" }, this.#now);
    for (let round = 0; round < 20; round += 1)
      for (const server of this.#servers) server.turn(this.#servers, this.#now);
    if (leader.raft.role !== "leader") throw new Error("server 1 did not become leader");
    this.#base = leader.appliedIndex;
  }

  get #leader(): Server {
    return this.#servers[0] as Server;
  }

  /** The proposals that all three servers may apply. */
  get done(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { appliedIndex } of this.#servers) if (appliedIndex < least) least = appliedIndex;
    return least - this.#base;
  }

  /** One turn of each server, after what there is room for was proposed. */
  round(): void {
    const free = this.#inFlight - (this.#proposed - this.done);
    const isTick = (this.#round & 63) === 0;
    if (free > 0) {
      const commands = new Array<Uint8Array>(free).fill(this.#payload);
      this.#leader.raft.step({ kind: "propose", proposalId: this.#round, commands }, this.#now);
      this.#proposed += free;
    }
    // A millisecond of the cores' time every 64 rounds, so that heartbeats are part of the figure.
    if (isTick) {
      this.#now += 1;
      this.#leader.raft.step({ kind: "tick" }, this.#now);
    }
    this.#round += 1;
    for (const server of this.#servers) {
      const isAsked = server === this.#leader && (free > 0 || isTick);
      if (isAsked || server.hasWork) this.messages += server.turn(this.#servers, this.#now);
    }
  }

  /** Goes on until at least `proposals` more are done; returns how many. */
  run(proposals: number): number {
    const before = this.done;
    while (this.done - before < proposals) this.round();
    return this.done - before;
  }
}

/** Goes on for about `seconds`, and counts what is done. */
export function measureCore(inFlight: number, seconds: number): CoreFigures {
  const load = new CoreLoad(inFlight);
  const { messages } = load;
  const start = process.hrtime.bigint();
  const until = start + BigInt(Math.round(seconds * 1e9));
  do {
    for (let round = 0; round < 64; round += 1) load.round();
  } while (process.hrtime.bigint() < until);
  const took = Number(process.hrtime.bigint() - start) / 1e9;
  return { proposals: load.done, messages: load.messages - messages, seconds: took };
}
