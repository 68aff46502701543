/** How fast the simulator is on one core, with everything that it checks switched on. */

import { explore, type RunReport, replay, type Script } from "@quorate/simulator";

export interface SimulatorFigures {
  /** Bare cores: facts that cores took in. */
  readonly coreStepsPerSecond: number;
  /** Three whole servers in good times that nobody asks for anything: simulated seconds in a second. */
  readonly restTimesRealTime: number;
  /** The same with about ten requests a second. */
  readonly busyTimesRealTime: number;
  /** Whole servers of any number, as seeds draw them: clients, faults and all. */
  readonly hostileTimesRealTime: number;
  readonly hostileEventsPerSecond: number;
}

const QUIET_MS = 30_000;

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each part runs for `seconds`. Throws if a run breaks a rule: then the figures would be of something else. */
export async function measureSimulator(seconds: number, firstSeed: number): Promise<SimulatorFigures> {
  const cores = await runFor(seconds, (turn) => explore(coresSeed(firstSeed + turn), { settle }));
  const rest = await runFor(seconds, (turn) => replay(goodTimes(firstSeed + turn, 0), { settle }));
  const busy = await runFor(seconds, (turn) => replay(goodTimes(firstSeed + turn, 1), { settle }));
  const hostile = await runFor(seconds, (turn) => explore(4 * (firstSeed + turn + 1), { settle }));
  return {
    coreStepsPerSecond: cores.coreSteps / cores.seconds,
    restTimesRealTime: rest.simulatedMs / 1000 / rest.seconds,
    busyTimesRealTime: busy.simulatedMs / 1000 / busy.seconds,
    hostileTimesRealTime: hostile.simulatedMs / 1000 / hostile.seconds,
    hostileEventsPerSecond: hostile.events / hostile.seconds,
  };
}

/** The seeds of bare cores alone. */
function coresSeed(place: number): number {
  return 4 * place + 2;
}

function goodTimes(seed: number, clients: number): Script {
  const parameters = { clients, thinkMs: 100, faultyMs: QUIET_MS };
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
