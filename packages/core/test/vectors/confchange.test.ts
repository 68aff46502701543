/**
 * Changes of members as etcd's raft has them, carried out by a cluster of ours: each step that fits our model, one joint
 * change from set to set that is left by itself. `docs/membership-vectors.md` says which steps fit, and why others do not.
 */

import { expect } from "vitest";
import {
  type Configuration,
  decodeConfiguration,
  type Member,
  type MemberChange,
  type MemberRole,
} from "../../src/index.js";
import { Cluster } from "../support/cluster.js";
import { leaderOf, wanted } from "../support/members.js";
import { ELECTION_TIMEOUT_MS, type Server } from "../support/server.js";
import { describeVectors } from "./load.js";

interface Step {
  readonly op: "simple" | "enter-joint" | "leave-joint";
  readonly changes: readonly { readonly op: "addVoter" | "addLearner" | "remove"; readonly id: number }[];
  readonly config?: Sets;
  readonly error?: string;
}

interface Sets {
  readonly voters: readonly number[];
  readonly votersOutgoing: readonly number[];
  readonly learners: readonly number[];
  readonly learnersNext: readonly number[];
}

interface Vector {
  readonly name: string;
  readonly steps: readonly Step[];
}

const NO_COMMAND = "leaving is no command of ours";
const NO_CHANGE = "a change to the same set is done already, and nothing becomes joint";
const ALWAYS_JOINT = "there is no simple change of several voters to refuse: ours are joint";

/** Steps that do not fit, by vector and place. */
const UNFIT: Readonly<Record<string, string>> = {
  "joint_safety 0": NO_COMMAND,
  "joint_safety 4": NO_COMMAND,
  "joint_safety 5": NO_CHANGE,
  "joint_safety 6": NO_CHANGE,
  "joint_safety 7": NO_CHANGE,
  "joint_safety 8": NO_COMMAND,
  "simple_safety 3": ALWAYS_JOINT,
  "simple_safety 5": ALWAYS_JOINT,
  "simple_safety 6": ALWAYS_JOINT,
};

/** What we answer to what etcd's raft refuses. */
const REFUSALS: Readonly<Record<string, string>> = {
  "already-joint": "changePending",
  "simple-in-joint": "changePending",
  "removed-all-voters": "invalid",
};

describeVectors<Vector>("confchange.json", ({ name, steps }) => {
  const walk = new Walk();
  for (const [place, step] of steps.entries()) if (UNFIT[`${name} ${place}`] === undefined) walk.take(step);
});

class Walk {
  #cluster: Cluster | null = null;
  /** Every configuration that came into force anywhere. */
  readonly #seen: Sets[] = [];

  take({ op, changes, config, error }: Step): void {
    if (this.#cluster === null) return this.#begin(changes, config, error);
    if (error !== undefined) {
      const { outcome } = this.#ask(changes);
      expect(outcome).toMatchObject({ accepted: false, refusal: REFUSALS[error] });
      return;
    }
    if (op !== "leave-joint") expect(this.#ask(changes).outcome).toMatchObject({ accepted: true });
    this.#runUntil((sets) => (op === "enter-joint" ? sets.votersOutgoing.length > 0 : this.#isSettled()));
    expect(this.#seen).toContainEqual(config === undefined ? null : plain(config));
  }

  /** The first member founds the cluster; before that, whoever is asked is no leader. */
  #begin(changes: Step["changes"], config: Sets | undefined, error: string | undefined): void {
    if (error !== undefined) {
      const blank = new Cluster({ size: 1, disks: new Map([[1, {}]]) });
      const { outcome } = blank.changeMembers(1, membersAfter(new Map(), changes));
      expect(outcome).toMatchObject({ accepted: false, refusal: "notLeader" });
      return;
    }
    expect(changes).toEqual([{ op: "addVoter", id: 1 }]);
    this.#cluster = new Cluster({ size: 1 });
    this.#cluster.campaign(1);
    this.#cluster.onEffects = (_, { write }) => {
      for (const { kind, data } of write?.append ?? [])
        if (kind === "membership") this.#seen.push(setsOf(decodeConfiguration(data)));
    };
    expect(this.#current()).toEqual(config === undefined ? null : plain(config));
  }

  /** Whoever leads, once somebody does. */
  get #led(): Server {
    const cluster = this.#cluster as Cluster;
    const isLed = (): boolean => leaderOf(cluster) !== undefined;
    for (let ms = 0; !isLed() && ms < 10 * ELECTION_TIMEOUT_MS; ms += 1) cluster.run(1);
    return leaderOf(cluster) as Server;
  }

  #ask(changes: Step["changes"]) {
    const { voters, learners } = this.#led.raft.configuration;
    const roles = new Map<string, MemberRole>();
    for (const { name } of learners) roles.set(name, "learner");
    for (const { name } of voters) roles.set(name, "voter");
    return (this.#cluster as Cluster).changeMembers(this.#led.id, membersAfter(roles, changes));
  }

  #current(): Sets {
    return setsOf(this.#led.raft.configuration);
  }

  /** Committed, with nothing to follow, and led by one of its voters. */
  #isSettled(): boolean {
    const { id, raft } = this.#led;
    const { voters, outgoingVoters, target } = raft.configuration;
    const isDone = outgoingVoters.length === 0 && target === null && raft.configurationIndex <= raft.commitIndex;
    return isDone && voters.some((voter) => voter.id === id);
  }

  #runUntil(isDone: (sets: Sets) => boolean): void {
    for (let ms = 0; !isDone(this.#current()); ms += 1) {
      expect(ms).toBeLessThan(20 * ELECTION_TIMEOUT_MS);
      this.#cluster?.run(1);
    }
  }
}

/** The members there are when all `changes` are done, in their order. An id of theirs is a name of ours. */
function membersAfter(roles: Map<string, MemberRole>, changes: Step["changes"]): MemberChange[] {
  for (const { op, id } of changes) {
    if (id === 0) continue;
    if (op === "remove") roles.delete(`n${id}`);
    else roles.set(`n${id}`, op === "addVoter" ? "voter" : "learner");
  }
  return [...roles].map(([name, role]) => wanted(name, { role }));
}

function setsOf({ voters, outgoingVoters, learners }: Configuration): Sets {
  const numbers = (list: readonly Member[]): number[] =>
    list.map(({ name }) => Number(name.slice(1))).sort((a, b) => a - b);
  return {
    voters: numbers(voters),
    votersOutgoing: numbers(outgoingVoters),
    learners: numbers(learners),
    learnersNext: [],
  };
}

/** Ours does not set apart learners that still vote in the outgoing half. */
function plain({ voters, votersOutgoing, learners, learnersNext }: Sets): Sets {
  const all = [...learners, ...learnersNext].sort((a, b) => a - b);
  return { voters, votersOutgoing, learners: all, learnersNext: [] };
}
