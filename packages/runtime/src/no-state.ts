/**
 * In place of the state machine of a server that has none, for it is to be a witness (`WitnessOptions`). Nothing ever
 * reaches it: a server that turns out to be something else stops before.
 */

import { RaftError, type StateMachine } from "@quorate/contracts";
import { type Configuration, memberOf, type NodeId } from "@quorate/core";

export class NoState implements StateMachine<never, never> {
  apply(): never {
    throw unreachable();
  }

  /** As with every machine that can be restored, the log of a witness is compacted; its snapshots are empty. */
  snapshot(): never {
    throw unreachable();
  }

  restore(): never {
    throw unreachable();
  }
}

function unreachable(): RaftError {
  return new RaftError("INVARIANT_BROKEN", "A witness was asked for a state.");
}

/** Throws `NOT_A_WITNESS` if `configuration` wants a state of a server that has no machine for it. */
export function checkPart(stateMachine: object, configuration: Configuration, id: NodeId): void {
  if (!(stateMachine instanceof NoState)) return;
  const member = memberOf(configuration, id);
  if (member === undefined || member.isWitness === true) return;
  const message = `${JSON.stringify(member.name)} is no witness in its cluster, and was started without a state machine.`;
  throw new RaftError("NOT_A_WITNESS", message);
}
