/** What an observer is told is all that a core lives on: another core that is told the same does the same (PITFALLS F13). */

import { type Effects, type Input, Raft, type RestoredState } from "@quorate/core";
import { describe, expect, it } from "vitest";
import type { CoreObserver } from "../src/index.js";
import { Cluster } from "./support/cluster.js";

class Recorder implements CoreObserver {
  restored: RestoredState | null = null;
  readonly #facts: (readonly [Input, number] | Effects)[] = [];

  onStart(_raft: Raft, restored: RestoredState): void {
    this.restored = structuredClone(restored);
  }

  onStep(input: Input, now: number): void {
    this.#facts.push([structuredClone(input), now]);
  }

  onEffects(effects: Effects): void {
    this.#facts.push(structuredClone(effects));
  }

  get steps(): number {
    return this.#facts.filter((fact) => "length" in fact).length;
  }

  /** Has `raft` live the same life. */
  expectSameLife(raft: Raft): void {
    for (const fact of this.#facts) {
      if ("length" in fact) raft.step(...fact);
      else expect(raft.drain()).toEqual(fact);
    }
  }
}

describe("an observer", () => {
  it("is told every fact and every consequence, from the start on", async () => {
    const observer = new Recorder();
    const cluster = await Cluster.open(1, { observer });
    await cluster.leader();
    const proposed = cluster.propose(1, "a");
    const read = cluster.read(1);
    await cluster.world.run(100);
    await Promise.all([proposed, read]);
    expect(observer.steps).toBeGreaterThan(4);
    const timing = { heartbeatIntervalMs: 50, electionTimeoutMs: 250 };
    observer.expectSameLife(new Raft({ id: 1, seed: 1, ...timing }, observer.restored as RestoredState, 0));
  });

  it("that throws stops the node", async () => {
    const observer = new Recorder();
    observer.onEffects = () => {
      throw new Error("what I saw must not be");
    };
    const cluster = await Cluster.open(1, { observer });
    await cluster.world.until(() => cluster.server(1).node.status().role === "stopped");
    expect(cluster.server(1).node.status().fatal?.message).toContain("what I saw must not be");
  });
});
