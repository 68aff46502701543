/** What a node tells those who subscribe: who leads, what it is itself, and whether it has stopped for good. */

import type { RaftError } from "@quorate/contracts";
import {
  type Configuration,
  type Index,
  memberOf,
  NOBODY,
  type NodeId,
  type Raft,
  type RoleName,
  type Term,
} from "@quorate/core";
import { type Listener, Topic } from "./topic.js";

/** `stopped`: closed, or stopped after a fatal error. It takes no part any more. */
export type NodeRole = RoleName | "stopped";

/** Who leads, as far as this server knows. */
export interface LeaderEvent {
  /** 0 if no leader is known. */
  readonly leaderId: NodeId;
  readonly leaderName: string | null;
  /** A leader that lost its office and won it back leads another term (PITFALLS F14). */
  readonly term: Term;
}

export interface RoleEvent {
  readonly role: NodeRole;
  readonly term: Term;
}

/** The leadership of one term. */
export interface LeadershipEvent {
  readonly term: Term;
}

/** Which configuration is in force; `RaftNode.members` tells the rest. */
export interface MembersEvent {
  /** The index of the configuration. */
  readonly version: Index;
}

/** Why this node has stopped for good. */
export interface FatalEvent {
  readonly error: RaftError;
}

export interface NodeEventMap {
  readonly leader: LeaderEvent;
  readonly role: RoleEvent;
  /** This server has come to lead; null until it has done so once. */
  readonly leadershipGained: LeadershipEvent | null;
  /** This server leads that term no longer; null until that has happened. */
  readonly leadershipLost: LeadershipEvent | null;
  readonly members: MembersEvent;
  readonly fatal: FatalEvent | null;
}

type Topics = { readonly [Kind in keyof NodeEventMap]: Topic<NodeEventMap[Kind]> };

function nameOf(configuration: Configuration | null, id: NodeId): string | null {
  return configuration === null ? null : (memberOf(configuration, id)?.name ?? null);
}

export class NodeEvents {
  readonly #topics: Topics;
  #leaderId: NodeId = NOBODY;
  #role: NodeRole = "follower";
  #term: Term;
  #version: Index = 0;

  constructor(term: Term, onError: (error: unknown) => void) {
    this.#term = term;
    this.#topics = {
      leader: new Topic<LeaderEvent>({ leaderId: NOBODY, leaderName: null, term }, onError),
      role: new Topic<RoleEvent>({ role: "follower", term }, onError),
      leadershipGained: new Topic<LeadershipEvent | null>(null, onError),
      leadershipLost: new Topic<LeadershipEvent | null>(null, onError),
      members: new Topic<MembersEvent>({ version: 0 }, onError),
      fatal: new Topic<FatalEvent | null>(null, onError),
    };
  }

  subscribe<Kind extends keyof NodeEventMap>(kind: Kind, listener: Listener<NodeEventMap[Kind]>): () => void {
    const topic: Topic<NodeEventMap[Kind]> = this.#topics[kind];
    return topic.subscribe(listener);
  }

  /** Notes what a step has changed. To be called after each, so that nothing between two turns is lost (F14). */
  note({ role, leaderId, currentTerm, configuration, configurationIndex }: Raft): void {
    if (configurationIndex !== this.#version) this.#topics.members.note({ version: configurationIndex });
    this.#version = configurationIndex;
    this.#note(role, leaderId, currentTerm, configuration);
  }

  /** This server takes no part any more: whoever acts on its leadership must stop. */
  noteStopped(error: RaftError | null): void {
    this.#note("stopped", NOBODY, this.#term, null);
    if (error !== null) this.#topics.fatal.note({ error });
  }

  /** Tells the listeners all that was noted. */
  tell(): void {
    this.#topics.leadershipLost.tell();
    this.#topics.leadershipGained.tell();
    this.#topics.role.tell();
    this.#topics.leader.tell();
    this.#topics.members.tell();
    this.#topics.fatal.tell();
  }

  #note(role: NodeRole, leaderId: NodeId, term: Term, configuration: Configuration | null): void {
    const isNewTerm = term !== this.#term;
    if (leaderId !== this.#leaderId || (isNewTerm && leaderId !== NOBODY)) {
      const leaderName = nameOf(configuration, leaderId);
      this.#topics.leader.note({ leaderId, leaderName, term });
    }
    if (role !== this.#role || isNewTerm) {
      this.#topics.role.note({ role, term });
      if (this.#role === "leader") this.#topics.leadershipLost.note({ term: this.#term });
      if (role === "leader") this.#topics.leadershipGained.note({ term });
    }
    this.#leaderId = leaderId;
    this.#role = role;
    this.#term = term;
  }
}
