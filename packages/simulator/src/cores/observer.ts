/** Notices what came up in a run of cores: the situations that are looked for, and how often. */

import {
  type Effects,
  type Input,
  memberOf,
  NOBODY,
  type NodeId,
  type OutgoingMessage,
  type Raft,
} from "@quorate/core";
import { describeConfiguration } from "../describe.js";
import type { Counts } from "../run.js";
import { Tally } from "../tally.js";
import type { CoreServer } from "./core-server.js";

const SITUATIONS = [
  "a leader was elected",
  "two servers believed they led",
  "a leader stepped down",
  "a candidate lost",
  "entries were truncated",
  "a leader began with entries that were not committed",
  "an append was refused",
  "a message of a term gone by arrived",
  "a proposal was refused",
  "a read was confirmed",
  "a lease vouched for a read",
  "a read was refused",
  "a crash lost writes",
  "all servers were down",
  // Members.
  "a change of members was accepted",
  "a change was refused: notLeader",
  "a change was refused: notReady",
  "a change was refused: changePending",
  "a change was refused: versionMismatch",
  "a change was refused: transferring",
  "a change was refused: invalid",
  "a change was refused: wouldLoseQuorum",
  "a joint configuration was in force",
  "a joint configuration was left",
  "a leader inherited a change under way",
  "a configuration was truncated",
  "a new server became a voter",
  "a voter became a learner",
  "one voter became two",
  "two voters became one",
  "all voters were replaced",
  "a removed server led on",
  "a removed leader stopped",
  "a removed server campaigned",
  "a witness granted a vote",
  // Snapshots.
  "a snapshot was taken",
  "a snapshot was sent",
  "a snapshot arrived",
  "a log began anew",
  "a snapshot came that added nothing",
  "a snapshot came whose leader was deposed",
  "a server started with a snapshot that its log knew nothing of",
  "a crash kept a snapshot that its core never heard of",
  // Handing over.
  "leadership was handed over",
  "a transfer timed out",
  "a transfer was refused",
  "a leader handed over by priority",
  "a server campaigned because it was told to",
  // Quiets.
  "a leader called a quiet",
  "a leader ended a quiet",
  "a leader died in a quiet",
  "a follower ended a quiet for itself",
  "a server campaigned out of a quiet",
] as const;

export type Situation = (typeof SITUATIONS)[number];

/** What the observer says of what it sees. */
type Note = (where: string, kind: string, text: () => string) => void;

export class Observer {
  readonly #servers: readonly CoreServer[];
  readonly #note: Note;
  readonly #tally = new Tally<Situation>(SITUATIONS);
  /** What each server was last seen to be. */
  readonly #roles: string[] = [];
  /** The version of the configuration that was last in force on each. */
  readonly #versions: number[] = [];
  readonly #handingOverTo: NodeId[] = [];
  /** Whether each took part in a quiet. */
  readonly #quiets: boolean[] = [];
  /** Transfers that somebody asked for. */
  readonly #transfers = new Set<NodeId>();

  constructor(servers: readonly CoreServer[], note: Note) {
    this.#servers = servers;
    this.#note = note;
  }

  get counts(): Counts {
    return this.#tally.counts;
  }

  saw(situation: Situation): void {
    this.#tally.add(situation);
  }

  onDown({ id }: CoreServer): void {
    this.#roles[id] = "down";
    this.#quiets[id] = false;
    this.#versions[id] = 0;
    this.#transfers.delete(id);
    if (this.#servers.every(({ raft }) => raft === null)) this.saw("all servers were down");
  }

  onStep(server: CoreServer, input: Input): void {
    if (input.kind === "transferLeadership") this.#transfers.add(server.id);
    if (input.kind !== "receive" || server.raft === null) return;
    if (input.message.term < server.raft.currentTerm) this.saw("a message of a term gone by arrived");
  }

  onEffects(server: CoreServer, effects: Effects): void {
    const { write, proposals, reads, messages, changes, transfers } = effects;
    if (write !== null) {
      if (write.truncateFrom !== null) this.saw("entries were truncated");
      if (write.reset !== null) this.saw("a log began anew");
    }
    for (const { accepted } of proposals) if (!accepted) this.saw("a proposal was refused");
    for (const read of reads) {
      if (!read.ready) this.saw("a read was refused");
      else this.saw(read.lease === undefined ? "a read was confirmed" : "a lease vouched for a read");
    }
    for (const message of messages) this.#onMessage(server, message);
    for (const outcome of changes) {
      if (outcome.accepted) this.saw("a change of members was accepted");
      else if (outcome.refusal !== "outOfTouch") this.saw(`a change was refused: ${outcome.refusal}`);
    }
    for (const { result } of transfers) {
      if (result === "leadershipEnded") this.saw("leadership was handed over");
      else this.saw(result === "timedOut" ? "a transfer timed out" : "a transfer was refused");
    }
    const { raft, id } = server;
    if (raft === null) return;
    // Asked here, for what happens seldom must not cost anything each time.
    if (raft.transferTo !== (this.#handingOverTo[id] ?? NOBODY)) this.#onTransfer(server, raft);
    if (raft.configurationIndex !== (this.#versions[id] ?? 0)) this.#onConfiguration(server, raft);
    if (raft.isQuiet !== (this.#quiets[id] ?? false)) this.#onQuiet(server, raft, effects);
    if (raft.role !== this.#roles[id]) this.#onRole(server, raft);
  }

  #onMessage(server: CoreServer, message: OutgoingMessage): void {
    switch (message.kind) {
      case "appendEntriesResult":
        if (!message.success) this.saw("an append was refused");
        return;
      case "snapshotOrder":
        return this.saw("a snapshot was sent");
      case "requestVote":
        if (message.isTransfer) this.saw("a server campaigned because it was told to");
        return;
      case "requestVoteResult":
        if (message.voteGranted && isWitness(server)) this.saw("a witness granted a vote");
    }
  }

  #onTransfer({ id, name }: CoreServer, { transferTo: to }: Raft): void {
    this.#handingOverTo[id] = to;
    if (to === NOBODY) this.#transfers.delete(id);
    else if (!this.#transfers.has(id)) this.saw("a leader handed over by priority");
    this.#note(name, "hands over", () => (to === NOBODY ? "no more" : `to n${to}`));
  }

  #onQuiet({ id, name }: CoreServer, { isQuiet, role }: Raft, { messages }: Effects): void {
    this.#quiets[id] = isQuiet;
    this.#note(name, isQuiet ? "falls quiet" : "wakes up", () => "");
    if (role === "leader") this.saw(isQuiet ? "a leader called a quiet" : "a leader ended a quiet");
    else if (role === "preCandidate") this.saw("a server campaigned out of a quiet");
    else if (messages.some((message) => message.kind === "heartbeatResult" && message.round === 0))
      this.saw("a follower ended a quiet for itself");
  }

  #onConfiguration({ id, name }: CoreServer, raft: Raft): void {
    const before = this.#versions[id] ?? 0;
    const { configurationIndex, configuration } = raft;
    this.#versions[id] = configurationIndex;
    this.#note(name, "follows", () => `entry ${configurationIndex}, ${describeConfiguration(configuration)}`);
    if (configurationIndex < before) return this.saw("a configuration was truncated");
    if (raft.role !== "leader") return;
    const { voters, outgoingVoters, learners, target } = configuration;
    if (outgoingVoters.length === 0) {
      const { outgoingVoters: left } = raft.configurationAt(configurationIndex - 1).configuration;
      if (left.length > 0) this.saw("a joint configuration was left");
      return;
    }
    if (target === null) this.saw("a joint configuration was in force");
    const was = (id: NodeId): boolean => outgoingVoters.some((voter) => voter.id === id);
    if (voters.some((voter) => !was(voter.id))) this.saw("a new server became a voter");
    if (voters.every((voter) => !was(voter.id))) this.saw("all voters were replaced");
    if (learners.some((learner) => was(learner.id))) this.saw("a voter became a learner");
    if (outgoingVoters.length === 1 && voters.length === 2) this.saw("one voter became two");
    if (outgoingVoters.length === 2 && voters.length === 1) this.saw("two voters became one");
    if (!voters.some((voter) => voter.id === id)) this.saw("a removed server led on");
  }

  #onRole(server: CoreServer, raft: Raft): void {
    const { id, name } = server;
    const before = this.#roles[id];
    const { role, currentTerm } = raft;
    this.#roles[id] = role;
    this.#note(name, "becomes", () => `${role} (term ${currentTerm})`);
    if (before === "candidate" && role === "follower") this.saw("a candidate lost");
    if (before === "leader") this.saw(isMember(server, id) ? "a leader stepped down" : "a removed leader stopped");
    if (role === "preCandidate") this.#onCampaign(id);
    if (role !== "leader") return;
    this.saw("a leader was elected");
    if (this.#servers.some((other) => other !== server && other.raft?.role === "leader"))
      this.saw("two servers believed they led");
    if (raft.commitIndex < server.lastIndex - 1) this.saw("a leader began with entries that were not committed");
    const { outgoingVoters, target } = raft.configuration;
    if (outgoingVoters.length > 0 || target !== null || raft.configurationIndex > raft.commitIndex)
      this.saw("a leader inherited a change under way");
  }

  #onCampaign(id: NodeId): void {
    const leader = this.#servers.find(
      ({ raft }) => raft?.role === "leader" && raft.configurationIndex <= raft.commitIndex,
    );
    if (leader !== undefined && !isMember(leader, id)) this.saw("a removed server campaigned");
  }
}

function isMember({ raft }: CoreServer, id: NodeId): boolean {
  return raft !== null && memberOf(raft.configuration, id) !== undefined;
}

function isWitness({ raft, id }: CoreServer): boolean {
  return raft !== null && memberOf(raft.configuration, id)?.isWitness === true;
}
