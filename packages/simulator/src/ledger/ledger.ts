/**
 * The ledger: every white-box invariant of Raft, after every step, over all servers and all their lives.
 *
 * It is told what can be seen at the edge of the cores: what goes in, what comes out, what leaves by the wire, what the
 * disks have. From that it keeps books of its own, and never asks a core to judge itself: entries and who made them
 * (`entry-tree.ts`), disks (`disks.ts`, `lives.ts`), votes and leaders (`elections.ts`), commits (`commits.ts`), messages
 * (`wire.ts`), members (`memberships.ts`), snapshots (`snapshots.ts`), handing over (`transfers.ts`), clients
 * (`clients.ts`). What the rules are stands in `rules.ts`.
 *
 * The work per step does not grow with the length of the run, and sentences are made only for a contradiction.
 */

import type {
  ConfigurationEntry,
  Effects,
  FollowerStatus,
  Index,
  Input,
  Message,
  NodeId,
  RestoredState,
  SnapshotPoint,
  Term,
} from "@quorate/core";
import { Books, type LedgerOptions, nameOf } from "./books.js";
import { Clients } from "./clients.js";
import { Commits } from "./commits.js";
import type { CoreView } from "./core-view.js";
import { Disks, hardStateOf } from "./disks.js";
import { Elections } from "./elections.js";
import { entryAt, isSameConfiguration } from "./entry-tree.js";
import { hear } from "./hearing.js";
import { Lives } from "./lives.js";
import { Memberships } from "./memberships.js";
import type { Leadership, ServerRecord } from "./records.js";
import { RULES } from "./rules.js";
import { type SnapshotOrigin, Snapshots } from "./snapshots.js";
import { Transfers } from "./transfers.js";
import { Wire } from "./wire.js";

export class Ledger {
  readonly #books: Books;
  readonly #elections: Elections;
  readonly #disks: Disks;
  readonly #lives: Lives;
  readonly #commits: Commits;
  readonly #wire: Wire;
  readonly #clients: Clients;
  readonly #memberships: Memberships;
  readonly #snapshots: Snapshots;
  readonly #transfers: Transfers;
  readonly #electionTimeoutMs: number;

  constructor(options: LedgerOptions) {
    this.#books = new Books(options);
    this.#elections = new Elections(this.#books);
    this.#snapshots = new Snapshots(this.#books);
    this.#transfers = new Transfers(this.#books, options.electionTimeoutMs ?? 0);
    this.#memberships = new Memberships(this.#books);
    this.#disks = new Disks(this.#books, this.#elections, this.#snapshots);
    this.#lives = new Lives(this.#books, this.#elections);
    this.#commits = new Commits(this.#books, this.#elections);
    this.#wire = new Wire(this.#books, this.#elections, this.#transfers);
    this.#clients = new Clients(this.#books);
    this.#electionTimeoutMs = options.electionTimeoutMs ?? 0;
  }

  /** The last entry that any leader has committed. */
  get committedIndex(): Index {
    return this.#books.committed.index;
  }

  /** The last configuration that any leader has committed, and the index of its entry. */
  get committedConfiguration(): ConfigurationEntry {
    const { node, configuration } = this.#books.committed.membership;
    return { index: node?.index ?? 0, configuration };
  }

  /** A life begins, with what its storage gave it. To be called before the first step. */
  onStart(id: NodeId, restored: RestoredState): void {
    this.#lives.onStart(this.#books.server(id), restored);
  }

  /**
   * To be called right before `raft.step(input, now)`; for `persisted`, after {@link onStored} of the same write. Without
   * `now` nobody is held to its loyalty to a leader that it hears.
   */
  onStep(id: NodeId, input: Input, now: number = Number.NaN): void {
    const server = this.#running(id);
    server.clock = now;
    switch (input.kind) {
      case "receive":
        hear(server, input.message, now, this.#electionTimeoutMs);
        if (input.message.kind === "timeoutNow") this.#transfers.onAppointed(server, input.message);
        break;
      case "persisted":
        this.#disks.onPersisted(server, input.seq);
        break;
      case "read":
        this.#clients.onRead(server, input.readId);
        break;
      case "propose":
        this.#clients.onPropose(server, input);
        break;
      case "changeMembers":
        server.changes.push({ changeId: input.changeId, wanted: input });
        break;
      case "raiseFeatureLevels":
        server.changes.push({ changeId: input.changeId, wanted: null });
        break;
      case "transferLeadership":
        server.transfers.add(input.transferId);
        break;
      case "compact":
        this.#snapshots.onCompact(server, input);
        break;
      case "snapshotInstalled":
        server.heardTerm = Math.max(server.heardTerm, input.term);
        break;
      case "tick":
      case "snapshotFailed":
      case "suspect":
        break;
      default:
        input satisfies never;
    }
    server.isUntold = false;
  }

  /** To be called right after each `raft.drain()`, before anything of it is carried out. Messages go by {@link onWire}. */
  onEffects(id: NodeId, effects: Effects, raft: CoreView): void {
    const server = this.#running(id);
    const { currentTerm } = raft;
    const leads = raft.role === "leader";
    if (effects.write !== null) {
      const leadsOn = leads && server.isLeader && server.leadership?.term === currentTerm;
      this.#disks.onWrite(server, effects.write, leadsOn);
    }
    this.#checkTerm(server, raft);
    const { tip } = server.asked;
    if (raft.lastIndex !== tip.index) this.#breachLastIndex(server, raft.lastIndex);
    if (tip.membership !== server.membership || raft.configuration !== server.configuration) {
      this.#checkConfiguration(server, raft);
    }
    const leadsNoMore = server.isLeader && server.leadership?.term === currentTerm;
    const leadership = leads || leadsNoMore ? this.#onLeads(server, currentTerm) : null;
    server.isLeader = leads;
    this.#commits.onCommitIndex(server, raft.commitIndex, leadership);
    this.#snapshots.onView(server, raft);
    if (server.made.length > 0) {
      for (const node of server.made) this.#memberships.onMade(server, node, raft.commitIndex);
      server.made = [];
    }
    if (leadership !== null) {
      leadership.commitIndex = raft.commitIndex;
      for (const follower of raft.followers) this.#checkFollower(leadership, follower);
    }
    if (raft.durableIndex !== server.durableIndex || effects.write !== null)
      this.#checkDurable(server, raft.durableIndex);
    this.#commits.onApplyTo(server, effects.applyTo);
    for (const outcome of effects.reads) this.#clients.onReadOutcome(server, outcome);
    this.#clients.onProposalOutcomes(server, effects.proposals);
    this.#transfers.onProposals(server, effects.proposals);
    this.#transfers.onOutcomes(server, effects.transfers, raft);
    if (server.changes.length > 0 || effects.changes.length > 0) this.#memberships.onOutcomes(server, effects.changes);
    server.isUntold = true;
    server.hasPulled = false;
    if (Number.isNaN(effects.deadline)) this.#breachDeadline(server);
  }

  /** To be called when a message leaves a server, after {@link onEffects} of the turn that it comes from. */
  onWire(id: NodeId, message: Message): void {
    this.#wire.onMessage(this.#running(id), message);
  }

  /** The disk says: durable up to this write of the life under way, or of the one that ended last. */
  onStored(id: NodeId, seq: number): void {
    this.#disks.onStored(this.#books.server(id), seq);
  }

  /** A snapshot is durable, and is the newest now: to be called before the core or anybody else hears of it. */
  onSnapshotStored(id: NodeId, snapshot: SnapshotPoint, origin: SnapshotOrigin): void {
    this.#snapshots.onStored(this.#books.server(id), snapshot, origin);
  }

  /** A command reached the state machine of a server. */
  onApplied(id: NodeId, index: Index, term: Term, data: Uint8Array): void {
    this.#commits.onApplied(this.#running(id), index, term, data);
  }

  /** The life ends. Of the writes that were not stored, the next one may find none or the first few. */
  onCrash(id: NodeId): void {
    this.#lives.onCrash(this.#running(id));
  }

  /**
   * The disk of a server that is down was wiped, rolled back or given up: what it held no longer counts. The next
   * start, if there is one, may bring anything. Throws an Error if the server is running.
   */
  onDiskLost(id: NodeId): void {
    this.#lives.onDiskLost(this.#books.server(id));
  }

  #running(id: NodeId): ServerRecord {
    const server = this.#books.server(id);
    if (!server.isRunning) throw new Error(`n${id} is not running`);
    return server;
  }

  /** The term never falls in a life, and is the one on the way to the disk, as is the vote (PITFALLS E1, E2). */
  #checkTerm(server: ServerRecord, { currentTerm, votedFor }: CoreView): void {
    const { asked } = server;
    if (currentTerm < server.currentTerm) {
      this.#books.breach(
        RULES.termMonotone,
        `n${server.id} was in term ${server.currentTerm} at the end of its last turn.`,
        `n${server.id} is in term ${currentTerm} ${this.#books.at()}.`,
      );
    }
    server.currentTerm = currentTerm;
    if (asked.currentTerm === currentTerm && asked.votedFor === votedFor) return;
    this.#books.breach(
      RULES.hardState,
      `n${server.id} asked last to store ${hardStateOf(asked)}, ${this.#books.at(asked.at)}.`,
      `n${server.id} acts on ${hardStateOf({ currentTerm, votedFor })} ${this.#books.at()}.`,
    );
  }

  #breachLastIndex(server: ServerRecord, lastIndex: Index): void {
    this.#books.breach(
      RULES.writeOrder,
      `What n${server.id} asked to store ends with ${nameOf(server.asked.tip)}, ${this.#books.since(server.asked.at)}.`,
      `n${server.id} takes entry ${lastIndex} for the end of its log ${this.#books.at()}.`,
    );
  }

  /** PITFALLS M4, M5, M19, M20. The two are compared once, and again when either is another. */
  #checkConfiguration(server: ServerRecord, { configuration, configurationIndex }: CoreView): void {
    const { membership } = server.asked.tip;
    server.membership = membership;
    server.configuration = configuration;
    const expected = membership.configuration;
    if (configurationIndex === (membership.node?.index ?? 0) && isSameConfiguration(configuration, expected)) return;
    const where = membership.node === null ? "No entry" : `In the log of n${server.id}, ${nameOf(membership.node)}`;
    this.#books.breach(
      RULES.configuration,
      `${where} carries the configuration ${JSON.stringify(expected)}.`,
      `On n${server.id} the configuration ${JSON.stringify(configuration)} of entry ${configurationIndex} is in force ${this.#books.at()}.`,
    );
  }

  #onLeads(server: ServerRecord, term: Term): Leadership {
    const newest = server.leadership;
    const leadership = newest?.term === term ? newest : this.#elections.claim(server, term);
    leadership.tip = server.asked.tip;
    return leadership;
  }

  /** PITFALLS R9–R13. What was acknowledged was judged when it was said. */
  #checkFollower(leadership: Leadership, { id, matchIndex, nextIndex }: FollowerStatus): void {
    const before = leadership.matches[id] ?? 0;
    if (matchIndex === before && matchIndex < nextIndex) return;
    leadership.matches[id] = matchIndex;
    const acked = leadership.acked[id] ?? 0;
    const isFine =
      matchIndex >= before && matchIndex < nextIndex && matchIndex <= acked && matchIndex <= leadership.tip.index;
    if (isFine) return;
    this.#books.breach(
      RULES.matchIndex,
      `n${leadership.id}, whose log ends with ${nameOf(leadership.tip)}, had match index ${before} for n${id}, which acknowledged up to entry ${acked} in term ${leadership.term}.`,
      `n${leadership.id} has match index ${matchIndex} and next index ${nextIndex} for n${id} ${this.#books.at()}.`,
    );
  }

  /** PITFALLS P3, P4, P19. */
  #checkDurable(server: ServerRecord, durableIndex: Index): void {
    server.durableIndex = durableIndex;
    const { asked, durable } = server;
    const node = entryAt(asked.tip, durableIndex);
    if (durableIndex <= asked.tip.index && this.#books.isDurable(server, node)) return;
    this.#books.breach(
      RULES.durableBelief,
      `The disk of n${server.id} holds a log that ends with ${nameOf(durable.tip)}, ${this.#books.since(server.durableAt)}.`,
      `n${server.id} takes everything up to ${nameOf(node)} for durable ${this.#books.at()}.`,
    );
  }

  #breachDeadline(server: ServerRecord): void {
    this.#books.breach(
      RULES.deadline,
      `n${server.id} is running, in term ${server.currentTerm}.`,
      `n${server.id} names no moment at which to wake it, ${this.#books.at()}.`,
    );
  }
}
