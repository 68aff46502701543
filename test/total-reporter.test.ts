import { describe, expect, it } from "vitest";
import type { TestModule } from "vitest/node";
import { TotalReporter } from "./total-reporter.js";

type State = "passed" | "failed" | "skipped" | "pending";

/** A test file that has run, as far as the reporter looks at it. */
function testModule(states: readonly State[], moduleErrors = 0, suiteErrors = 0): TestModule {
  return {
    errors: () => new Array(moduleErrors).fill(new Error()),
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => [{ errors: () => new Array(suiteErrors).fill(new Error()) }],
    },
  } as unknown as TestModule;
}

function report(modules: readonly TestModule[], unhandledErrors = 0): { lines: string[]; failed: boolean } {
  const lines: string[] = [];
  let failed = false;
  const reporter = new TotalReporter(
    (line) => lines.push(line),
    () => {
      failed = true;
    },
  );
  reporter.onTestRunEnd(modules, new Array(unhandledErrors).fill(new Error()));
  return { lines, failed };
}

describe("the total of a test run", () => {
  it("adds up all files in one line", () => {
    const modules = [testModule(["passed", "failed", "skipped"]), testModule(["passed", "passed"])];
    expect(report(modules)).toEqual({ lines: ["3 passed, 1 failed, 1 skipped"], failed: false });
  });

  it("counts what failed outside of tests", () => {
    expect(report([testModule(["passed"], 1)]).lines).toEqual(["1 passed, 1 failed, 0 skipped"]);
    expect(report([testModule(["passed", "skipped"], 0, 1)]).lines).toEqual(["1 passed, 1 failed, 1 skipped"]);
    expect(report([testModule(["passed"])], 2).lines).toEqual(["1 passed, 2 failed, 0 skipped"]);
  });

  it("counts tests that never finished as failed", () => {
    expect(report([testModule(["passed", "pending"])]).lines).toEqual(["1 passed, 1 failed, 0 skipped"]);
  });

  it("fails a run without tests", () => {
    expect(report([])).toEqual({ lines: ["No test was run.", "0 passed, 0 failed, 0 skipped"], failed: true });
    expect(report([testModule(["skipped"])]).failed).toBe(true);
  });
});
