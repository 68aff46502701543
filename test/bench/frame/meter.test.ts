import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { busyTicks, Meter, processTicks, ticksOfTree } from "./meter.js";

describe("the machine meter", () => {
  it("counts what was neither idle nor waiting for the disk, and what the host took away", () => {
    const stat = "cpu  100 20 30 5000 600 1 2 40 9 8\ncpu0 50 10 15 2500 300 0 1 20 4 4\nintr 1";
    expect(busyTicks(stat)).toBe(100 + 20 + 30 + 1 + 2 + 40);
  });

  it("reads a process whose name is a trap", () => {
    const line = "42 (a (b) c) S 7 1 1 0 -1 4194304 0 0 0 0 11 12 13 14 20 0 1 0 100 1000 10";
    expect(processTicks(line)).toEqual({ pid: 42, parent: 7, ticks: 11 + 12 + 13 + 14 });
  });

  it("adds up a process and all that it started, however far down", () => {
    const processes = [
      { pid: 1, parent: 0, ticks: 1000 },
      { pid: 10, parent: 1, ticks: 1 },
      { pid: 11, parent: 10, ticks: 20 },
      { pid: 12, parent: 11, ticks: 300 },
      { pid: 13, parent: 1, ticks: 4000 },
    ];
    expect(ticksOfTree(processes, 10)).toBe(321);
    expect(ticksOfTree(processes, 99)).toBe(0);
  });

  it.runIf(existsSync("/proc/self/stat"))("knows its own work from that of others", () => {
    const meter = new Meter({ own: [process.pid] });
    const until = process.cpuUsage().user + 100_000;
    while (process.cpuUsage().user < until);
    const { ownCpuSeconds, watched, seconds, foreignCores } = meter.stop();
    expect(ownCpuSeconds).toBeGreaterThanOrEqual(0.08);
    expect(watched?.["own"]).toBe(ownCpuSeconds);
    expect(seconds).toBeGreaterThan(0.09);
    expect(foreignCores).toBeGreaterThanOrEqual(0);
  });
});
