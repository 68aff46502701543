import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../src/index.js";

describe("wakes", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "performance"] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("F3: at times farther away than a timer of Node reaches, and not at once", () => {
    const farMs = 3 * 2 ** 31;
    const woken = vi.fn();
    systemClock.wakeAt(systemClock.now() + farMs, woken);
    vi.advanceTimersByTime(farMs - 1000);
    expect(woken).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2000);
    expect(woken).toHaveBeenCalledTimes(1);
  });

  it("not before its time, and for a time gone by soon, but not from inside the call", () => {
    const woken = vi.fn(() => systemClock.now());
    const at = systemClock.now() + 10.25;
    systemClock.wakeAt(at, woken);
    systemClock.wakeAt(systemClock.now() - 5, woken);
    expect(woken).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2);
    expect(woken).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(20);
    expect(woken).toHaveBeenCalledTimes(2);
    expect(woken.mock.results[1]?.value).toBeGreaterThanOrEqual(at);
  });

  it("not when it was cancelled, also in the middle of a long wait, and cancelling late or twice does nothing", () => {
    const woken = vi.fn();
    const cancels = [
      systemClock.wakeAt(systemClock.now() + 3 * 2 ** 31, woken),
      systemClock.wakeAt(systemClock.now() + 2 ** 31 + 5, woken),
      systemClock.soon(woken),
    ];
    cancels[2]?.();
    vi.advanceTimersByTime(2 ** 31 + 2);
    for (const cancel of [...cancels, ...cancels]) cancel();
    vi.advanceTimersByTime(4 * 2 ** 31);
    expect(woken).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("L4: never goes back, and calls `soon` after what is already waiting", async () => {
  const order: string[] = [];
  const before = systemClock.now();
  await new Promise<void>((resolve) => {
    systemClock.soon(() => {
      order.push("soon");
      resolve();
    });
    order.push("after the call");
    queueMicrotask(() => order.push("microtask"));
  });
  expect(order).toEqual(["after the call", "microtask", "soon"]);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
});
