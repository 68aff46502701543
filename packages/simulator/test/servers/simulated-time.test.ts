/** Time, and the clocks of processes. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProcessClock } from "../../src/servers/process-clock.js";
import { SimulatedTime } from "../../src/servers/simulated-time.js";

describe("simulated time", () => {
  it("lets everything happen by time, and within a moment in the order in which it was asked for", () => {
    const delay = fc.constantFrom(0, 0, 0, 1, 2, 5);
    fc.assert(
      fc.property(fc.array(fc.tuple(delay, fc.array(delay, { maxLength: 3 })), { maxLength: 20 }), (plan) => {
        const time = new SimulatedTime();
        const happened: { readonly at: number; readonly order: number }[] = [];
        let asked = 0;
        const ask = (delayMs: number, then: readonly number[]): void => {
          asked += 1;
          const order = asked;
          const at = time.now + delayMs;
          time.schedule(at, () => {
            expect(time.now).toBe(at);
            happened.push({ at, order });
            for (const next of then) ask(next, []);
          });
        };
        for (const [delayMs, then] of plan) ask(delayMs, then);
        while (time.runNext());
        expect(happened).toHaveLength(asked);
        const sorted = happened.toSorted((left, right) => left.at - right.at || left.order - right.order);
        expect(happened).toEqual(sorted);
      }),
    );
  });

  it("forgets what was cancelled", () => {
    const time = new SimulatedTime();
    const happened: string[] = [];
    time.schedule(0, () => happened.push("a"))();
    const cancel = time.schedule(3, () => happened.push("b"));
    time.schedule(1, () => cancel());
    while (time.runNext());
    expect(happened).toEqual([]);
    expect(time.now).toBe(1);
  });
});

describe("the clock of a process", () => {
  function clockAt(rate: number): { readonly time: SimulatedTime; readonly clock: ProcessClock } {
    const time = new SimulatedTime();
    return { time, clock: new ProcessClock(time, rate) };
  }

  it("drifts, and wakes by what it shows", () => {
    const { time, clock } = clockAt(1.25);
    let woken = 0;
    clock.wakeAt(100, () => {
      woken = clock.now();
    });
    while (time.runNext());
    expect(woken).toBeGreaterThanOrEqual(100);
    expect(time.now).toBeCloseTo(80);
  });

  it("while paused runs nothing, and then what fell due", () => {
    const { time, clock } = clockAt(1);
    const happened: number[] = [];
    clock.pauseFor(50);
    clock.wakeAt(10, () => happened.push(clock.now()));
    clock.run(() => happened.push(clock.now()));
    while (time.runNext());
    expect(happened).toEqual([50, 50]);
  });

  it("jumps ahead, and its timers with it", () => {
    const { time, clock } = clockAt(1);
    let woken = -1;
    clock.wakeAt(100, () => {
      woken = time.now;
    });
    time.schedule(20, () => clock.jump(60));
    while (time.runNext());
    expect(woken).toBeCloseTo(40);
  });

  it("does not count the time in which the machine sleeps", () => {
    const { time, clock } = clockAt(1);
    clock.suspendFor(30);
    time.schedule(100, () => undefined);
    while (time.runNext());
    expect(clock.now()).toBe(70);
  });

  it("never goes back, whatever is done to it", () => {
    const deed = fc.oneof(
      fc.record({
        kind: fc.constantFrom("pauseFor", "suspendFor", "jump", "spend"),
        ms: fc.integer({ min: 0, max: 90 }),
      }),
      fc.record({ kind: fc.constant("wait"), ms: fc.integer({ min: 0, max: 90 }) }),
    );
    fc.assert(
      fc.property(fc.array(deed), fc.constantFrom(0.8, 1, 1.2), (deeds, rate) => {
        const { time, clock } = clockAt(rate);
        let shown = clock.now();
        const look = (): void => {
          expect(clock.now()).toBeGreaterThanOrEqual(shown - 1e-9);
          shown = clock.now();
        };
        let atMs = 0;
        for (const { kind, ms } of deeds) {
          if (kind === "wait") atMs += ms;
          else
            time.schedule(atMs, () =>
              clock.run(() => {
                look();
                clock[kind](ms);
                look();
              }),
            );
        }
        while (time.runNext()) look();
      }),
    );
  });

  it("after a crash runs nothing any more", () => {
    const { time, clock } = clockAt(1);
    const happened: string[] = [];
    clock.wakeAt(10, () => happened.push("timer"));
    clock.soon(() => happened.push("turn"));
    clock.crash();
    clock.run(() => happened.push("message"));
    while (time.runNext());
    expect(happened).toEqual([]);
  });
});
