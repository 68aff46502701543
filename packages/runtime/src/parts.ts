/**
 * The parts of a node, and which of them tells which. All of it is wiring: what a part does stands in its own file, and
 * when it is its turn, in `event-loop.ts`.
 */

import type { PeerMessage } from "@quorate/contracts";
import type { Index, Input, NodeId, Raft, Term } from "@quorate/core";
import { Admin } from "./admin.js";
import { Applier } from "./applier.js";
import { Belonging } from "./belonging.js";
import { overridesOf, restoreRaft } from "./bootstrap.js";
import { Budget } from "./budget.js";
import { Client } from "./client.js";
import { digestSection, StateCheck } from "./digests/state-check.js";
import { Founding } from "./founding.js";
import { LogCache } from "./log-cache.js";
import { LogReader } from "./log-reader.js";
import { isRemoved } from "./members.js";
import { Operator } from "./operator.js";
import type { RaftNodeOptions, Settings } from "./options.js";
import { OwnPart } from "./own-part.js";
import { Peers } from "./peers.js";
import { Reads } from "./reads.js";
import type { Recovered } from "./recovery.js";
import { RequestIds } from "./request-ids.js";
import { Sender } from "./sender.js";
import type { Answer } from "./sessions/answer.js";
import { ClusterTime } from "./sessions/cluster-time.js";
import { Executor } from "./sessions/executor.js";
import { sessionsSection } from "./sessions/section.js";
import { Ticker } from "./sessions/ticker.js";
import { restoreSections, type SnapshotSection } from "./snapshot-sections.js";
import { isWitness, Snapshots } from "./snapshots.js";
import { WriteQueue } from "./write-queue.js";

/** What the parts ask of the loop. */
export interface Ways {
  readonly send: (message: PeerMessage) => void;
  /** Asks for a turn. */
  readonly schedule: () => void;
  /** A fact for the core, from somewhere between two turns. */
  readonly step: (input: Input) => void;
  readonly onWarning: (error: unknown) => void;
  /** Stops the node. */
  readonly onFailed: (error: unknown) => void;
}

export interface Parts<Command, Result> {
  readonly raft: Raft;
  readonly budget: Budget;
  readonly cache: LogCache;
  readonly peers: Peers;
  readonly ownPart: OwnPart;
  readonly writes: WriteQueue;
  readonly sender: Sender;
  readonly executor: Executor<Command, Result>;
  readonly applier: Applier<Command, Result>;
  readonly client: Client<Command, Result>;
  readonly reads: Reads;
  readonly admin: Admin;
  readonly belonging: Belonging;
  readonly founding: Founding;
  readonly operator: Operator;
  /** Null unless it is asked for. */
  readonly stateCheck: StateCheck | null;
  /** Null without a storage for them. */
  readonly snapshots: Snapshots | null;
}

/** Builds the parts of a node from its options and from what was found on its disk. */
export function assemble<Command, Result>(
  options: RaftNodeOptions<Command, Result>,
  settings: Settings,
  recovered: Recovered,
  ways: Ways,
): Parts<Command, Result> {
  const { clock, storage, transport, seed, codec, stateMachine, stateCheckIntervalMs } = options;
  const { stored, snapshot } = recovered;
  const { nodeId, clusterId, incarnation } = stored.identity;
  const now = clock.now();

  const raft = restoreRaft(settings, seed, { ...stored, snapshot }, now);
  const budget = new Budget(settings.maxPendingBytes);
  const cache = new LogCache(settings.logCacheBytes, stored.lastIndex);
  const reader = new LogReader(cache, storage, raft);
  const ids = new RequestIds(seed, now);
  const peers = new Peers(transport, overridesOf(options));
  const ownPart = new OwnPart(raft, nodeId, stateMachine);
  const time = new ClusterTime(clock);
  const executor = new Executor({ stateMachine, codec, onSessionEnd: (id) => client.onSessionEnd(id) });
  const ticker = new Ticker(time, executor);
  const shared = {
    ...settings,
    ...ways,
    ...{ nodeId, clusterId, seed, raft, reader, clock, codec, budget, ids, stateMachine, time, ticker },
    canReach: (peer: NodeId): boolean => peers.canReach(peer) && !isRemoved(raft, peer),
  };

  const client = new Client(shared);
  const reads = new Reads({ ...shared, retryAfterMs: settings.heartbeatIntervalMs }, recovered.appliedIndex);
  const admin = new Admin(shared);
  const belonging = new Belonging({ ...shared, incarnation });
  const founding = new Founding(shared, { ...stored, snapshot });
  const operator = new Operator({ ...shared, admin, belonging });

  const stateCheck =
    stateCheckIntervalMs === undefined
      ? null
      : new StateCheck({
          ...{ nodeId, raft, intervalMs: stateCheckIntervalMs, send: ways.send },
          onDiverged: ways.onFailed,
          onUndecided: ways.onWarning,
        });
  const applier = new Applier<Command, Result>(
    {
      ...shared,
      executor,
      isWitness: () => ownPart.isWitness,
      onAnswer: (index: Index, term: Term, answer: Answer<Result>): void => {
        stateCheck?.onAnswer(index, answer);
        client.proposals.onApplied(index, term, answer);
      },
      onPassed: (index) => stateCheck?.onPassed(index),
      onSkipped: () => stateCheck?.restore(null, 0),
      onApplied: (index) => {
        time.observe(executor.sessions.timeMs, raft.role === "leader");
        reads.onApplied(index);
        snapshots?.onApplied();
      },
    },
    recovered,
  );

  const sections: readonly SnapshotSection[] = [digestSection(stateCheck), sessionsSection(executor.sessions)];
  if (snapshot !== null) restoreSections(sections, recovered.sections, snapshot.index);
  const snapshots =
    options.snapshots === undefined
      ? null
      : new Snapshots({
          ...shared,
          ...{ sections, snapshots: options.snapshots, log: storage, applier },
          isWitness: () => ownPart.isWitness,
          unsentIndex: () => sender.unsentIndex,
        });
  const sender = new Sender({
    ...shared,
    isWitness: (id) => isWitness(raft, id),
    onSnapshotOrder: (order) => snapshots?.onOrder(order),
  });
  const writes = new WriteQueue({
    ...{ storage, clock, onFailed: ways.onFailed },
    onStored: (seq) => {
      cache.onStored(seq);
      ways.step({ kind: "persisted", seq });
    },
  });

  return {
    ...{ raft, budget, cache, peers, ownPart, writes, sender, executor, applier },
    ...{ client, reads, admin, belonging, founding, operator, stateCheck, snapshots },
  };
}
