/** How fast the simulator is on one core, with everything that it checks switched on. */

import { explore, type RunReport, replay, type Script } from "@quorate/simulator";

export interface SimulatorFigures {
  /** Bare cores: facts that cores took in. */
  readonly coreStepsPerSecond: number;
  /** Three whole servers in good times, one request in 100 ms: simulated seconds in a second. */
  readonly quietTimesRealTime: number;
  /** Whole servers of any number, as seeds draw them: clients, faults and all. */
  readonly hostileTimesRealTime: number;
  readonly hostileEventsPerSecond: number;
}

const QUIET_MS = 30_000;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each part runs for `seconds`. Throws if a run breaks a rule: then the figures would be of something else. */
export async function measureSimulator(seconds: number, firstSeed: number): Promise<SimulatorFigures> {
  const cores = await runFor(seconds, (turn) => explore(coresSeed(firstSeed + turn), { settle }));
  const quiet = await runFor(seconds, (turn) => replay(quietScript(firstSeed + turn), { settle }));
  const hostile = await runFor(seconds, (turn) => explore(4 * (firstSeed + turn + 1), { settle }));
  return {
    coreStepsPerSecond: cores.coreSteps / cores.seconds,
    quietTimesRealTime: quiet.simulatedMs / 1000 / quiet.seconds,
    hostileTimesRealTime: hostile.simulatedMs / 1000 / hostile.seconds,
    hostileEventsPerSecond: hostile.events / hostile.seconds,
  };
}

/** Every fourth seed runs whole servers; this skips those. */
function coresSeed(place: number): number {
  return 4 * Math.floor(place / 3) + 1 + (place % 3);
}

function quietScript(seed: number): Script {
  const parameters = { clients: 1, thinkMs: 100, faultyMs: QUIET_MS };
  return { seed, world: "servers", actions: null, without: [], scenario: { parameters, faults: [], calls: [] } };
}

interface Sum {
  coreSteps: number;
  simulatedMs: number;
  events: number;
  seconds: number;
}

async function runFor(seconds: number, run: (turn: number) => Promise<RunReport>): Promise<Sum> {
  const sum: Sum = { coreSteps: 0, simulatedMs: 0, events: 0, seconds: 0 };
  const start = performance.now();
  for (let turn = 0; sum.seconds < seconds; turn += 1) {
    const { violation, coreSteps, simulatedMs, events, script } = await run(turn);
    if (violation !== null) throw new Error(`seed ${script.seed} breaks ${violation.property}`);
    sum.coreSteps += coreSteps;
    sum.simulatedMs += simulatedMs;
    sum.events += events;
    sum.seconds = (performance.now() - start) / 1000;
  }
  return sum;
}
