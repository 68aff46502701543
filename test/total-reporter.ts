/**
 * Ends a test run with one plain line, `N passed, N failed, N skipped`, for people and programs alike.
 *
 * A file that could not be loaded, a hook that threw and an error outside of any test count as one failure each. A
 * run that executed no test at all ends with exit code 1: some filter or pattern is wrong, and nothing was shown to
 * hold. Otherwise the exit code is vitest's.
 */

import type { Reporter, TestModule } from "vitest/node";

export class TotalReporter implements Reporter {
  readonly #print: (line: string) => void;
  readonly #fail: () => void;

  constructor(print = (line: string): void => console.log(line), fail = failProcess) {
    this.#print = print;
    this.#fail = fail;
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const testModule of testModules) {
      counts.failed += testModule.errors().length;
      for (const suite of testModule.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of testModule.children.allTests()) counts[test.result().state] += 1;
    }
    if (counts.passed + counts.failed === 0) {
      this.#print("No test was run.");
      this.#fail();
    }
    // What is still pending when the run ends was never finished: the run was interrupted.
    const failed = counts.failed + counts.pending;
    this.#print(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  }
}

function failProcess(): void {
  process.exitCode = 1;
}
