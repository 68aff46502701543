/** Members as someone wants them, and configurations on their way from one set to another, for tests. */

import {
  type Configuration,
  type Effects,
  type Entry,
  encodeConfiguration,
  foundingConfiguration,
  type Index,
  type Input,
  type Member,
  type MemberChange,
  type NodeId,
  type Term,
} from "../../src/index.js";
import { Cluster } from "./cluster.js";
import type { Server } from "./server.js";

export function wanted(name: string, more: Partial<MemberChange> = {}): MemberChange {
  return { name, address: `${name}:1`, role: "voter", ...more };
}

/** Voters of these names. */
export function voters(...names: readonly string[]): MemberChange[] {
  return names.map((name) => wanted(name));
}

export function member(id: NodeId, more: Partial<Member> = {}): Member {
  return { id, name: `n${id}`, address: `n${id}:1`, ...more };
}

/** As ids: the members of each kind. */
export interface Parts {
  readonly voters: readonly NodeId[];
  readonly outgoing?: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  readonly target?: readonly NodeId[];
}

export function configuration({ voters: ids, outgoing = [], learners = [], target }: Parts): Configuration {
  const list = (of: readonly NodeId[]): Member[] => of.map((id) => member(id));
  const highest = Math.max(...ids, ...outgoing, ...learners);
  return {
    ...foundingConfiguration(list(ids)),
    outgoingVoters: list(outgoing),
    learners: list(learners),
    target: target === undefined ? null : { voters: target, learners: [] },
    nextId: highest + 1,
  };
}

export function membershipOf(index: Index, term: Term, parts: Parts): Entry {
  return { index, term, kind: "membership", data: encodeConfiguration(configuration(parts)) };
}

/** The configuration in force, as ids. */
export function partsOf({ raft }: Server): Parts {
  const { voters: list, outgoingVoters, learners, target } = raft.configuration;
  const ids = (of: readonly Member[]): NodeId[] => of.map(({ id }) => id);
  return {
    voters: ids(list),
    ...(outgoingVoters.length > 0 ? { outgoing: ids(outgoingVoters) } : {}),
    ...(learners.length > 0 ? { learners: ids(learners) } : {}),
    ...(target !== null ? { target: target.voters } : {}),
  };
}

export function changeTo(members: readonly MemberChange[], basedOn: Index): Input {
  return { kind: "changeMembers", changeId: 1, basedOn, members };
}

/** Asks one core for a change of what is in force there. */
export function change(server: Server, members: readonly MemberChange[]): Effects {
  return server.turn(changeTo(members, server.raft.configurationIndex));
}

/** What became of the one change that was asked for. */
export function refusalOf({ changes }: Effects): string {
  const [outcome] = changes;
  if (outcome === undefined) return "none";
  return outcome.accepted ? "accepted" : outcome.refusal;
}

/** Servers 1 to `size`, of which server 1 leads, with all that is there committed everywhere. */
export function ledCluster(size: number): Cluster {
  const cluster = new Cluster({ size });
  cluster.campaign(1);
  cluster.settle();
  cluster.run(50);
  return cluster;
}

/** The members' configuration as each of them knows it, and which of them leads. */
export function leaderOf(cluster: Cluster): Server | undefined {
  return cluster.running.find(({ raft }) => raft.role === "leader");
}
