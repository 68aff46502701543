/**
 * Proposals on the server that leads: into the log, as many at a time as have gathered, and out of it when their entries
 * are applied. The counterpart of `forwarder.ts`, on those that follow.
 */

import type { Index, Input, ProposalOutcome, Term } from "@quorate/core";
import type { Proposal } from "./proposal.js";
import type { ClusterTime } from "./sessions/cluster-time.js";
import { makeEnvelope, writeTime } from "./sessions/envelope.js";

/** What goes into the log in one turn, in payload bytes: the rest waits a turn, so that a flood is not one stall. */
const MAX_TURN_BYTES = 4 * 1024 * 1024;

const NO_PAYLOAD = new Uint8Array(0);

export class Appender<Result> {
  readonly #time: ClusterTime;
  /** With the core, which answers in the same turn. */
  #handed: { readonly proposalId: number; readonly batch: readonly Proposal<Result>[] } | null = null;
  #lastProposalId = 0;
  /** What this server has appended as the leader that it is, by its place. */
  readonly #appended = new Map<Index, Proposal<Result>>();

  constructor(time: ClusterTime) {
    this.#time = time;
  }

  /** All that are here; abandoned ones may be among them. */
  all(): Proposal<Result>[] {
    return [...(this.#handed?.batch ?? []), ...this.#appended.values()];
  }

  /**
   * The first of `gathered` for the core, with the time of now, and how many of them are off the list. If there are none,
   * the time alone.
   */
  hand(gathered: readonly Proposal<Result>[]): {
    readonly input: Extract<Input, { kind: "propose" }>;
    readonly taken: number;
  } {
    const batch: Proposal<Result>[] = [];
    const commands: Uint8Array[] = [];
    const timeMs = this.#time.write();
    let sizeBytes = 0;
    let taken = 0;
    for (const proposal of gathered) {
      if (sizeBytes > MAX_TURN_BYTES) break;
      taken += 1;
      if (proposal.stage !== "gathered") continue;
      const data = proposal.dataToSend();
      writeTime(data, timeMs);
      sizeBytes += proposal.sizeBytes;
      batch.push(proposal);
      commands.push(data);
    }
    if (commands.length === 0) {
      const data = makeEnvelope("time", NO_PAYLOAD);
      writeTime(data, timeMs);
      commands.push(data);
    }
    this.#lastProposalId += 1;
    const proposalId = this.#lastProposalId;
    this.#handed = { proposalId, batch };
    return { input: { kind: "propose", proposalId, commands }, taken };
  }

  /** The core's answer to what {@link hand} returned. Those that it did not take. */
  onOutcome(outcome: ProposalOutcome): readonly Proposal<Result>[] {
    if (this.#handed?.proposalId !== outcome.proposalId) return [];
    const { batch } = this.#handed;
    this.#handed = null;
    if (!outcome.accepted) return batch;
    let index = outcome.firstIndex;
    for (const proposal of batch) {
      proposal.stage = "appended";
      proposal.term = outcome.term;
      proposal.index = index;
      this.#appended.set(index, proposal);
      index += 1;
    }
    return [];
  }

  /** The proposal that is the entry of `term` at `index`, and no other (PITFALLS K5). */
  take(index: Index, term: Term): Proposal<Result> | undefined {
    const proposal = this.#appended.get(index);
    if (proposal === undefined || proposal.term !== term) return undefined;
    this.#appended.delete(index);
    return proposal;
  }

  forget({ index }: Proposal<Result>): void {
    this.#appended.delete(index);
  }

  /** Another leadership: all that were appended, which it gives up. */
  onLeadership(): Proposal<Result>[] {
    const appended = [...this.#appended.values()];
    this.#appended.clear();
    return appended;
  }
}
