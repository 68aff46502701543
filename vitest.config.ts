import { defineConfig } from "vitest/config";
import { TotalReporter } from "./test/total-reporter.js";

/** Tests that meet the world: sockets, disks, processes. They run one file at a time, so that their timing is steady. */
const WORLD = [
  "packages/quorate/test/**/*.test.ts",
  "packages/storage-level/test/**/*.test.ts",
  "packages/transport-tcp/test/**/*.test.ts",
  "examples/*/test/**/*.test.ts",
  "test/processes/**/*.test.ts",
  "test/determinism/**/*.test.ts",
  "test/docs/**/*.test.ts",
  "test/sim/**/*.test.ts",
  "test/bench/command.test.ts",
];

export default defineConfig({
  // Packages are tested from their sources, without a build.
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    reporters: ["default", new TotalReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**", ...WORLD],
          pool: "threads",
          isolate: false,
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "world",
          include: WORLD,
          pool: "forks",
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
