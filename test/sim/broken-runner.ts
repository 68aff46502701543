/** A simulator that goes wrong in all the ways in which one can, depending on the seed. For the tests of the command. */

import type { RunReport, Script } from "@quorate/simulator";
import { serve } from "./runner.js";

const ACTIONS = Array.from({ length: 40 }, (_, place) => `act ${place}`);

/** With this seed a rule breaks if the actions 7 and 30 happen. */
const BROKEN = 2;

function report(script: Script, hash = "0123456789abcdef"): RunReport {
  const actions = script.actions ?? ACTIONS;
  const isBroken = script.seed === BROKEN && actions.includes("act 7") && actions.includes("act 30");
  return {
    script: { ...script, actions },
    parameters: { servers: 3 },
    violation: isBroken
      ? { property: "Made up", oracle: "broken/made-up", statement: "All is well.", facts: ["It was.", "It is not."] }
      : null,
    events: actions.length,
    coreSteps: 1,
    simulatedMs: 1_000,
    faults: { crash: 1, loss: 0 },
    situations: { "a leader was elected": 1, "a leader fell asleep": 0 },
    hash,
    trace: actions.map((unit, place) => ({ number: place + 1, atMs: place, where: "n1", kind: "x", text: unit, unit })),
  };
}

let runs = 0;

async function explore(seed: number): Promise<RunReport> {
  runs += 1;
  switch (seed) {
    case 3:
      throw new Error("the simulator threw");
    case 4:
      for (;;) runs += 1;
    case 5:
      return process.exit(9);
    case 6:
      void Promise.reject(new Error("nobody looked"));
      break;
    case 7:
      return report({ seed, world: "cores", actions: null, without: [] }, `${process.pid}-${runs}`);
  }
  return report({ seed, world: "cores", actions: null, without: [] });
}

serve({ explore, replay: async (script) => report(script) });
