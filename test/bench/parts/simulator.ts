/** `pnpm bench simulator`: how fast the simulator is on one core, with everything that it checks switched on. */

import { explore, type RunReport, replay, type Script } from "@quorate/simulator";
import type { Figures, Part, Row, Turn } from "../frame/part.js";

const QUIET_MS = 30_000;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What is simulated, by seed: whole servers in bad times are of any number, with clients and faults as seeds draw them. */
const WORLDS: Readonly<Record<string, (seed: number) => Promise<RunReport>>> = {
  "bare cores": (seed) => explore(coresSeed(seed), { settle }),
  "3 servers at rest": (seed) => replay(goodTimes(seed, 0), { settle }),
  "3 servers, 10 requests/s": (seed) => replay(goodTimes(seed, 1), { settle }),
  "servers in bad times": (seed) => explore(4 * (seed + 1), { settle }),
};

const ROWS: readonly Row[] = Object.keys(WORLDS).map((name) => ({ name, factors: {} }));

export const simulator: Part = {
  name: "simulator",
  summary: "the simulator on one core, with all its checkers on",
  columns: [
    { key: "coreStepsPerSecond", title: "core steps/s", meaning: "facts that cores took in, of all servers together" },
    { key: "timesRealTime", title: "× real time", meaning: "simulated seconds in a second" },
    { key: "eventsPerSecond", title: "events/s", meaning: "things that happened: messages, timers, faults" },
    { key: "perCpuSecond", title: "events/CPU s", meaning: "the same in a second of CPU time" },
  ],
  seconds: 1,
  repeats: 5,
  warmUpSeconds: 1,
  options: [],
  targets: [],
  rivals: [],
  rows: () => ROWS,
  open: async () => ({ repeat, close: async () => undefined }),
};

async function repeat(turn: Turn): Promise<void> {
  for (const row of ROWS) {
    const world = WORLDS[row.name] as (seed: number) => Promise<RunReport>;
    await turn.measure(row, () => runFor(turn.seconds, (run) => world(100_000 * (turn.repeat + 1) + run)));
  }
}

/** The seeds of bare cores alone. */
function coresSeed(place: number): number {
  return 4 * place + 2;
}

function goodTimes(seed: number, clients: number): Script {
  const parameters = { clients, thinkMs: 100, faultyMs: QUIET_MS };
  return { seed, world: "servers", actions: null, without: [], scenario: { parameters, faults: [], calls: [] } };
}

/** Throws if a run breaks a rule: then the figures would be of something else. */
async function runFor(seconds: number, run: (turn: number) => Promise<RunReport>): Promise<Figures> {
  const sum = { coreSteps: 0, simulatedMs: 0, events: 0 };
  const startedAt = performance.now();
  let took = 0;
  for (let turn = 0; took < seconds; turn += 1) {
    const { violation, coreSteps, simulatedMs, events, script } = await run(turn);
    if (violation !== null) throw new Error(`seed ${script.seed} breaks ${violation.property}`);
    sum.coreSteps += coreSteps;
    sum.simulatedMs += simulatedMs;
    sum.events += events;
    took = (performance.now() - startedAt) / 1000;
  }
  return {
    operations: sum.events,
    values: {
      coreStepsPerSecond: sum.coreSteps / took,
      timesRealTime: sum.simulatedMs / 1000 / took,
      eventsPerSecond: sum.events / took,
    },
  };
}
