/** The cluster, as somebody sees it who sees everything: who belongs to it, who leads, whom it can do without. */

import {
  type Configuration,
  type ConfigurationEntry,
  type Index,
  type Member,
  memberOf,
  membersOf,
} from "@quorate/core";
import type { Machine } from "./machine.js";
import { placeOf } from "./marks.js";

export class ClusterView {
  readonly machines: readonly Machine[];
  readonly #committed: () => ConfigurationEntry;
  /** The last configuration that any server ever had, committed or not. */
  #newestIndex: Index = 0;

  constructor(machines: readonly Machine[], committed: () => ConfigurationEntry) {
    this.machines = machines;
    this.#committed = committed;
  }

  /** To be called after each turn of a server. */
  onTurn({ raft }: Machine): void {
    if (raft !== null && raft.configurationIndex > this.#newestIndex) this.#newestIndex = raft.configurationIndex;
  }

  /** The last configuration that was committed. */
  get committed(): ConfigurationEntry {
    return this.#committed();
  }

  get newestIndex(): Index {
    return this.#newestIndex;
  }

  get running(): readonly Machine[] {
    return this.machines.filter(({ node }) => node !== null);
  }

  /** Whoever leads the highest term. */
  get leader(): Machine | undefined {
    const leaders = this.machines.filter(({ raft }) => raft?.role === "leader");
    return leaders.sort((a, b) => termOf(b) - termOf(a))[0];
  }

  /** The configuration with the highest index that a running server has in force: what is to be, if anything is. */
  get latest(): Configuration {
    let { index, configuration } = this.committed;
    for (const { raft } of this.machines) {
      if (raft === null || raft.configurationIndex <= index) continue;
      index = raft.configurationIndex;
      configuration = raft.configuration;
    }
    return configuration;
  }

  /** Where its server is on the way to being found. */
  placeFor(machine: Machine): string {
    const member = memberOf(this.latest, machine.nodeId);
    return member === undefined ? machine.address : placeOf(member.address);
  }

  isMember(machine: Machine): boolean {
    return memberOf(this.committed.configuration, machine.nodeId) !== undefined;
  }

  /** Whether its server was a member and is not any more. */
  isRemoved(machine: Machine): boolean {
    const { nodeId } = machine;
    return nodeId > 0 && nodeId < this.committed.configuration.nextId && !this.isMember(machine);
  }

  /** Whether its server campaigns, as far as it knows, and knows a member where it is. */
  asksMembers(machine: Machine): boolean {
    const { raft, nodeId } = machine;
    if (raft === null) return false;
    const { voters } = raft.configuration;
    const mayCampaign = voters.some(({ id, isWitness }) => id === nodeId && isWitness !== true);
    const knowsOne = voters.some((voter) => {
      const other = this.machineOf(voter);
      return other?.raft?.role !== undefined && this.isMember(other) && other.address === placeOf(voter.address);
    });
    return mayCampaign && knowsOne;
  }

  machineOf({ id }: Member): Machine | undefined {
    return this.machines.find(({ nodeId }) => nodeId === id);
  }

  /** Whether, with the disks of `lost` and of `machine` gone, most voters are left, with nothing under way that changes them. */
  canLose(machine: Machine, lost: ReadonlySet<number>): boolean {
    const { index, configuration } = this.committed;
    const { voters, outgoingVoters, target } = configuration;
    if (outgoingVoters.length > 0 || target !== null || index < this.#newestIndex) return false;
    const gone = voters.filter((voter) => {
      const its = this.machineOf(voter);
      return its === undefined || its === machine || lost.has(its.id);
    });
    return 2 * gone.length < voters.length;
  }

  /** Whether every other member knows for good which disk this one has: then it hears no other (PITFALLS M18). */
  isKnownByDisk(machine: Machine): boolean {
    const { index, configuration } = this.committed;
    if (memberOf(configuration, machine.nodeId)?.incarnation === undefined) return false;
    return membersOf(configuration).every((member) => {
      const other = this.machineOf(member);
      return other === machine || (other?.raft?.configurationIndex === index && other.durable.lastIndex >= index);
    });
  }
}

function termOf({ raft }: Machine): number {
  return raft?.currentTerm ?? 0;
}
