/** A node of one server without Raft: it applies commands at once, and fails when told to. */

import { pack, unpack } from "msgpackr";
import {
  type FeatureLevels,
  type JoinGrant,
  type MemberChange,
  type MemberEdit,
  type Membership,
  RaftError,
  type SnapshotResult,
} from "quorate";
import type { KvCommand, KvResult } from "../src/commands.js";
import { type HttpServer, type HttpServerOptions, startHttpServer } from "../src/http/server.js";
import type { Freshness, KvNode, KvNodeStatus, KvSession, LeaderChange } from "../src/node.js";
import { KvStore } from "../src/store.js";

type Fatal = { readonly error: Error } | null;

export class FakeNode implements KvNode {
  readonly store: KvStore;
  /** Who it is, and where. */
  name = "n1";
  clusterId = "fake";
  /** What the next calls reject with. */
  proposeError: Error | null = null;
  readError: Error | null = null;
  awaitedFounders: readonly string[] = [];
  adminError: Error | null = null;
  /** The members, as changes make them. */
  wanted: readonly MemberChange[] = [{ name: "n1", address: "127.0.0.1:7001", role: "voter" }];
  /** The timeout that the last call asked for. */
  lastTimeoutMs = 0;
  /** How fresh the last read wanted to be. */
  lastFreshness: Freshness | null = null;
  /** When set, proposals wait for it before they are executed. */
  gate: Promise<void> = Promise.resolve();
  /** Told of each proposal when it arrives. */
  onPropose: () => void = () => undefined;
  /** The time of the cluster. */
  timeMs = 0;
  openError: Error | null = null;
  /** The sessions that are open: what each has executed, by its number. */
  readonly sessions = new Map<number, Map<number, KvResult>>();
  /** What the last write in a session said of itself. */
  lastNumbering: object | null = null;
  #index = 0;
  #lastSession = 100;
  #leader: LeaderChange = { leaderId: 11, leaderName: "n1", term: 3 };
  readonly #leaderListeners = new Set<(change: LeaderChange) => void>();
  readonly #fatalListeners = new Set<(fatal: Fatal) => void>();

  constructor(store: KvStore) {
    this.store = store;
  }

  async propose(command: KvCommand, { timeoutMs }: { readonly timeoutMs: number }): Promise<KvResult> {
    this.lastTimeoutMs = timeoutMs;
    this.onPropose();
    await this.gate;
    if (this.proposeError !== null) throw this.proposeError;
    return unpack(pack(this.apply(command))) as KvResult;
  }

  async openSession({ timeoutMs }: { readonly expiresAfterMs: number; readonly timeoutMs: number }) {
    this.lastTimeoutMs = timeoutMs;
    if (this.openError !== null) throw this.openError;
    this.#lastSession += 1;
    this.sessions.set(this.#lastSession, new Map());
    return { id: this.#lastSession };
  }

  /** Remembers all that it has executed, as far as tests of HTTP and of clients need it. */
  session(id: number): KvSession {
    const tend = async (): Promise<Map<number, KvResult>> => {
      const executed = this.sessions.get(id);
      if (executed !== undefined) return executed;
      throw new RaftError("SESSION_EXPIRED", `There is no session ${id}.`);
    };
    return {
      propose: async (command, { sequence, isRetry, timeoutMs, ...numbering }) => {
        this.lastNumbering = { id, sequence, isRetry, ...numbering };
        const executed = this.sessions.get(id);
        const before = executed?.get(sequence);
        if (before !== undefined) return before;
        const code = isRetry ? "SESSION_EXPIRED_UNDER_WAY" : "SESSION_EXPIRED";
        if (executed === undefined) throw new RaftError(code, `There is no session ${id}.`);
        const result = await this.propose(command, { timeoutMs });
        executed.set(sequence, result);
        return result;
      },
      keepAlive: async () => void (await tend()),
      close: async () => void this.sessions.delete(id),
    };
  }

  /** Executes a command as if it came over the log: its bytes are encoded and decoded on the way. */
  apply(command: KvCommand): KvResult {
    this.#index += 1;
    return this.store.apply({
      index: this.#index,
      term: 3,
      timeMs: this.timeMs,
      command: unpack(pack(command)) as KvCommand,
    });
  }

  async read<Answer>(
    query: () => Answer,
    { timeoutMs, ...freshness }: Freshness & { readonly timeoutMs: number },
  ): Promise<Answer> {
    this.lastTimeoutMs = timeoutMs;
    this.lastFreshness = freshness;
    if (this.readError !== null && freshness.consistency === "linearizable") throw this.readError;
    return query();
  }

  status(): KvNodeStatus {
    return {
      ...{ id: 11, name: this.name, clusterId: this.clusterId, role: "leader", currentTerm: 3 },
      ...{ leaderId: this.#leader.leaderId, leaderName: this.#leader.leaderName },
      ...{ commitIndex: this.#index, appliedIndex: this.#index, lastIndex: this.#index },
      sessions: this.sessions.size,
      awaitedFounders: this.awaitedFounders,
    };
  }

  members(): Membership {
    const members = this.wanted.map((member, place) => ({ ...member, id: 11 + place }));
    return {
      version: 1,
      phase: "done",
      featureLevels: { library: 1, application: 1 },
      members: members.map((member) => ({ ...member, isVoting: true, wantedRole: member.role, progress: null })),
      committed: { version: 1, members: members.map(({ id, name, address }) => ({ id, name, address })) },
    };
  }

  async changeMembers({
    members,
    timeoutMs,
  }: {
    readonly members: readonly MemberChange[];
    readonly timeoutMs: number;
  }) {
    return this.editMembers(() => members, { timeoutMs });
  }

  async editMembers(edit: MemberEdit, { timeoutMs }: { readonly timeoutMs: number }): Promise<Membership> {
    this.lastTimeoutMs = timeoutMs;
    if (this.adminError !== null) throw this.adminError;
    this.wanted = edit(this.wanted);
    return this.members();
  }

  async admit(member: MemberChange, options: { readonly timeoutMs: number }): Promise<JoinGrant> {
    await this.editMembers((members) => [...members, member], options);
    return { clusterId: "fake", nodeId: 10 + this.wanted.length };
  }

  async transferLeadership({ to = "n2", timeoutMs }: { readonly to?: string | undefined; readonly timeoutMs: number }) {
    this.lastTimeoutMs = timeoutMs;
    if (this.adminError !== null) throw this.adminError;
    return to;
  }

  async raiseFeatureLevels({ timeoutMs }: { readonly timeoutMs: number }): Promise<FeatureLevels> {
    this.lastTimeoutMs = timeoutMs;
    if (this.adminError !== null) throw this.adminError;
    return { library: 1, application: 2 };
  }

  async snapshot(): Promise<SnapshotResult> {
    throw new RaftError("INVALID_OPTIONS", "The fake node has no storage.");
  }

  subscribe(event: "leader", listener: (change: LeaderChange) => void): () => void;
  subscribe(event: "fatal", listener: (fatal: Fatal) => void): () => void;
  subscribe(
    event: "leader" | "fatal",
    listener: ((change: LeaderChange) => void) & ((fatal: Fatal) => void),
  ): () => void {
    if (event === "fatal") {
      this.#fatalListeners.add(listener);
      listener(null);
      return () => this.#fatalListeners.delete(listener);
    }
    this.#leaderListeners.add(listener);
    listener(this.#leader);
    return () => this.#leaderListeners.delete(listener);
  }

  setLeader(leaderId: number, leaderName = "n1"): void {
    this.#leader = { leaderId, leaderName: leaderId === 0 ? null : leaderName, term: this.#leader.term + 1 };
    for (const listener of this.#leaderListeners) listener(this.#leader);
  }

  fail(error: Error): void {
    for (const listener of this.#fatalListeners) listener({ error });
  }

  async close(): Promise<void> {
    this.proposeError = new RaftError("CLOSED", "The fake node is closed.");
  }
}

export interface FakeServer extends HttpServer {
  /** Where it speaks the binary protocol. */
  readonly kvUrl: string;
  readonly node: FakeNode;
  readonly store: KvStore;
  readonly errors: unknown[];
}

/** The real HTTP interface around a {@link FakeNode}. */
export async function startFakeServer(
  options: Partial<HttpServerOptions> = {},
  node: FakeNode = new FakeNode(options.store ?? new KvStore()),
): Promise<FakeServer> {
  const errors: unknown[] = [];
  const { store } = node;
  const defaults = {
    host: "127.0.0.1",
    port: 0,
    requestTimeoutMs: 5000,
    logError: (error: unknown) => errors.push(error),
  };
  const http = await startHttpServer({ ...defaults, ...options, node, store });
  return { ...http, kvUrl: http.url.replace("http:", "kv:"), node, store, errors };
}
