/** What clients asked, and what they were told. */

import type { NodeId } from "../../src/index.js";
import { ensure } from "./invariants.js";
import type { Server } from "./server.js";

/** What clients asked of the servers, and the answers so far. */
export interface Asked<Outcome> {
  readonly server: NodeId;
  readonly life: number;
  readonly id: number;
  readonly label: string;
  outcome: Outcome | null;
}

export function label(texts: readonly string[]): string {
  const quoted = texts.map((text) => `"${text}"`);
  return quoted.length <= 3 ? quoted.join(" ") : `${quoted[0]} … ${quoted[quoted.length - 1]}`;
}

/** Every question is answered at most once (PITFALLS Q3, K9). */
export function answer<Outcome>(
  list: readonly Asked<Outcome>[],
  { id: server, lives: life }: Server,
  id: number,
  outcome: Outcome,
): void {
  const asked = list.find((other) => other.server === server && other.life === life && other.id === id);
  ensure(
    asked !== undefined && asked.outcome === null,
    () => `n${server} answers question ${id} that nobody waits for`,
  );
  asked.outcome = outcome;
}
