/** The test of the test: every rule of tidy turns red on a made-up repository that breaks it. */

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkArrows, checkCycles } from "./arrows.js";
import { checkDeadFiles, checkScripts } from "./dead.js";
import { checkDocs } from "./docs.js";
import { checkHabits, checkPlaces } from "./habits.js";
import { checkPurity } from "./purity.js";
import { madeUpRepository, openRepository, type Repository, type Violation } from "./repository.js";
import { longestFiles, longestFunctions } from "./sizes.js";

const MANIFESTS = {
  "package.json": "{}",
  "packages/core/package.json": '{ "name": "@quorate/core" }',
  "packages/contracts/package.json": '{ "name": "@quorate/contracts" }',
  "packages/codec/package.json": '{ "name": "@quorate/codec" }',
  "packages/runtime/package.json": '{ "name": "@quorate/runtime" }',
  "packages/storage-level/package.json": '{ "name": "@quorate/storage-level" }',
  "packages/simulator/package.json": '{ "name": "@quorate/simulator" }',
  "packages/transport-tcp/package.json": '{ "name": "@quorate/transport-tcp" }',
  "packages/quorate/package.json": '{ "name": "quorate" }',
};

type Rule = (repository: Repository) => Violation[];

/** What `rule` says of these files, each as `path:line`. */
function placesFound(rule: Rule, files: Readonly<Record<string, string>>): string[] {
  return rule(madeUpRepository({ ...MANIFESTS, ...files })).map(({ path, line }) => `${path}:${line}`);
}

function messagesFound(rule: Rule, files: Readonly<Record<string, string>>): string[] {
  return rule(madeUpRepository({ ...MANIFESTS, ...files })).map(({ message }) => message);
}

describe("arrows between packages", () => {
  const allowed: [string, string][] = [
    ["packages/contracts/src/a.ts", 'import type { Index } from "@quorate/core";'],
    ["packages/contracts/src/compliance/a.ts", 'import { it } from "vitest";'],
    ["packages/codec/src/a.ts", 'import { Packr } from "msgpackr";'],
    ["packages/runtime/src/a.ts", 'import { Raft } from "@quorate/core";'],
    ["packages/transport-tcp/src/a.ts", 'import { connect } from "node:net";'],
    ["packages/storage-level/src/a.ts", 'import { Level } from "level";'],
    ["packages/storage-level/src/a.ts", 'import { Crc } from "./abstract/crc.js";'],
    ["packages/simulator/src/a.ts", 'import { GroupKeys } from "@quorate/storage-level/abstract";'],
    ["packages/quorate/src/a.ts", 'export { Raft } from "@quorate/core";'],
    ["packages/core/test/a.test.ts", 'import { Raft } from "../src/raft.js";'],
    ["packages/core/test/a.test.ts", 'import { codec } from "@quorate/codec";'],
    ["packages/storage-level/test/a.test.ts", 'import { suite } from "@quorate/contracts/compliance";'],
    ["examples/kv/src/a.ts", 'import { open } from "quorate";'],
    ["test/a.test.ts", 'const kv = new URL("../examples/kv/src/main.ts", import.meta.url);'],
  ];
  it.each(allowed)("%s may: %s", (path, text) => {
    expect(messagesFound(checkArrows, { [path]: text })).toEqual([]);
  });

  const refused: [string, string, string][] = [
    ["packages/core/src/raft.ts", 'import type { Clock } from "@quorate/contracts";', "core must not import contracts"],
    ["packages/core/src/raft.ts", 'import { it } from "vitest";', 'core must not import the library "vitest"'],
    ["packages/core/src/raft.ts", 'import "node:fs";', "it knows no Node"],
    ["packages/contracts/src/a.ts", 'import { Raft } from "@quorate/core";', "may import only types of core"],
    ["packages/contracts/src/a.ts", 'import { it } from "vitest";', 'must not import the library "vitest"'],
    ["packages/contracts/src/a.ts", 'import "./compliance/index.js";', "brings vitest into production code"],
    ["packages/codec/src/a.ts", 'import { RaftNode } from "@quorate/runtime";', "codec must not import runtime"],
    ["packages/runtime/src/a.ts", 'import { encode } from "@quorate/codec";', "runtime must not import codec"],
    ["packages/runtime/src/a.ts", 'import fs from "node:fs";', "it knows no Node"],
    ["packages/runtime/src/a.ts", 'import fs from "fs";', "it knows no Node"],
    ["packages/runtime/src/a.ts", 'export * from "@quorate/transport-tcp";', "must not import transport-tcp"],
    ["packages/runtime/src/a.ts", 'const x = await import("@quorate/codec");', "must not import codec"],
    ["packages/runtime/src/a.ts", "await import(name);", 'must not import the library "(computed)"'],
    ["packages/runtime/src/a.ts", 'type X = import("@quorate/codec").X;', "must not import codec"],
    ["packages/runtime/src/a.ts", 'import { x } from "@quorate/runtime";', "is this package"],
    ["packages/transport-tcp/src/a.ts", 'import { Level } from "level";', 'must not import the library "level"'],
    ["packages/storage-level/src/a.ts", 'import { x } from "@quorate/transport-tcp";', "must not import transport-tcp"],
    ["packages/storage-level/src/abstract/a.ts", 'import "node:zlib";', "it knows no Node"],
    ["packages/storage-level/src/abstract/a.ts", 'import { Level } from "level";', "must not import the library"],
    ["packages/storage-level/src/abstract/a.ts", 'import { x } from "../directory.js";', "leaves src/abstract"],
    ["packages/simulator/src/a.ts", 'import { x } from "@quorate/storage-level";', "must not import storage-level"],
    ["packages/quorate/src/a.ts", 'import { x } from "@quorate/contracts/compliance";', "is for tests"],
    ["packages/brand-new/src/a.ts", 'import { Raft } from "@quorate/core";', "has no line in ARROWS"],
    ["packages/runtime/src/a.ts", 'import { Raft } from "../../core/src/raft.js";', "leaves packages/runtime"],
    ["packages/runtime/src/a.ts", 'import { helper } from "../test/helper.js";', "leaves src"],
    ["packages/runtime/test/a.test.ts", 'import { Raft } from "../../core/src/raft.js";', "leaves packages/runtime"],
    ["examples/kv/src/a.ts", 'import { Raft } from "../../../packages/core/src/raft.js";', "leaves examples/kv"],
    ["examples/kv/src/a.ts", 'import { x } from "@quorate/contracts/compliance";', "is for tests"],
    ["test/a.test.ts", 'import { Raft } from "../packages/core/src/raft.js";', "leaves test"],
  ];
  it.each(refused)("%s may not: %s", (path, text, because) => {
    const messages = messagesFound(checkArrows, { [path]: text });
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(because);
  });
});

describe("arrows inside the core", () => {
  const core = (name: string, text: string): string[] =>
    messagesFound(checkArrows, { [`packages/core/src/${name}.ts`]: text });

  it("point downwards", () => {
    expect(core("election", 'import { becomeLeader } from "./transitions.js";')).toEqual([]);
    expect(core("transitions", 'import { campaign } from "./election.js";')).toEqual([
      "transitions must not import election, which stands above it",
    ]);
  });

  it("do not join chapters", () => {
    expect(core("election", 'import type { X } from "./snapshot.js";')).toEqual([
      "the chapters election and snapshot must not import each other",
    ]);
  });

  it("ask for a place for each new file", () => {
    expect(core("raft", 'import { x } from "./new-idea.js";')).toEqual([
      "new-idea.ts has no line in CORE_LAYERS: give it its place",
    ]);
    expect(core("new-idea", 'import { x } from "./types.js";')).toHaveLength(1);
  });
});

describe("cycles", () => {
  it("are told once, with the whole ring", () => {
    const files = {
      "packages/runtime/src/a.ts": 'import { b } from "./b.js";',
      "packages/runtime/src/b.ts": 'import { c } from "./c.js";',
      "packages/runtime/src/c.ts": 'import type { A } from "./a.js";',
    };
    expect(messagesFound(checkCycles, files)).toEqual(["import cycle: a.ts → b.ts → c.ts → a.ts"]);
  });

  it("are not two ways to one file", () => {
    const files = {
      "packages/runtime/src/a.ts": 'import "./b.js"; import "./c.js";',
      "packages/runtime/src/b.ts": 'import "./c.js";',
      "packages/runtime/src/c.ts": "export const c = 1;",
    };
    expect(messagesFound(checkCycles, files)).toEqual([]);
  });
});

describe("purity", () => {
  const impureAnywhere = [
    "const t = Date.now();",
    "const t = new Date();",
    "let t: Date;",
    "const t = performance.now();",
    "setTimeout(f, 1);",
    "setInterval(f, 1);",
    "setImmediate(f);",
    "const r = Math.random();",
    'const r = Math["random"]();',
    "const { random } = Math;",
    "const id = crypto.randomUUID();",
    "console.log(1);",
    "process.exit(1);",
    "globalThis.setTimeout(f, 1);",
    "const clock = { Date };",
  ];
  const impureInTheCore = [
    "queueMicrotask(f);",
    "export type T = Promise<void>;",
    "export async function f() {}",
    "const f = async () => 1;",
    "export const x = await y;",
    "for await (const x of y) f(x);",
  ];

  it.each([...impureAnywhere, ...impureInTheCore])("the core may not: %s", (text) => {
    expect(placesFound(checkPurity, { "packages/core/src/a.ts": `\n${text}` })).toContain("packages/core/src/a.ts:2");
  });

  it.each(impureAnywhere)("nor may what the simulator runs: %s", (text) => {
    for (const name of ["contracts", "codec", "runtime", "storage-memory", "transport-memory", "simulator"]) {
      const path = `packages/${name}/src/a.ts`;
      expect(placesFound(checkPurity, { [path]: text })).toContain(`${path}:1`);
    }
  });

  it.each(impureInTheCore)("which may: %s", (text) => {
    expect(placesFound(checkPurity, { "packages/runtime/src/a.ts": text })).toEqual([]);
  });

  it("looks at names of things, not of their properties", () => {
    const text = "interface X { process: number } const x = { Date: 1, crypto() {} }; use(x.process, Math.max(1, 2));";
    expect(placesFound(checkPurity, { "packages/core/src/a.ts": text })).toEqual([]);
  });

  it.each([
    "const process = 1; use(process);",
    "const { process } = x; const f = () => process;",
    "const { x: [process = 1, ...rest] } = y; use(process);",
    "const f = ({ process }: X, ...performance: Y[]) => use(process, performance);",
    "function f(process: number): void { use({ process }); }",
    "type F = (process: number) => void;",
    "class C { m(process: number) { return () => process; } }",
    'import { performance } from "./clock.js"; performance.now();',
    "try { f(); } catch (process) { use(process); }",
  ])("knows what is a file's own: %s", (text) => {
    expect(placesFound(checkPurity, { "packages/simulator/src/a.ts": text })).toEqual([]);
  });

  it.each([
    "declare const process: X;\nprocess.exit();",
    "const f = (process: number) => process;\nprocess.exit();",
    "class C { m(process: number) { } n() {\nprocess.exit(); } }",
    "const x = process.pid;\nconst { process: y } = x; process.exit();",
  ])("knows what is not: %s", (text) => {
    expect(placesFound(checkPurity, { "packages/simulator/src/a.ts": text })).toContain(
      "packages/simulator/src/a.ts:2",
    );
  });

  it("knows the parts of packages", () => {
    const files = {
      "packages/storage-level/src/abstract/a.ts": "globalThis.process;\nDate.now();",
      "packages/storage-level/src/a.ts": "Date.now();",
      "packages/linearizability/src/a.ts": "Date.now();\nperformance.now();",
      "packages/linearizability/src/command/a.ts": "process.exit();",
    };
    expect(placesFound(checkPurity, files)).toEqual([
      "packages/linearizability/src/a.ts:2",
      "packages/storage-level/src/abstract/a.ts:2",
    ]);
  });

  it("lets tests, compliance suites and what meets the world use the world", () => {
    const text = "setTimeout(f, Date.now());";
    const files = {
      "packages/core/test/a.test.ts": text,
      "packages/contracts/src/compliance/a.ts": text,
      "packages/transport-tcp/src/a.ts": text,
      "packages/quorate/src/a.ts": text,
    };
    expect(placesFound(checkPurity, files)).toEqual([]);
  });
});

describe("habits", () => {
  it("refuse any", () => {
    expect(placesFound(checkHabits, { "test/a.ts": "\nlet x: any;\nlet any: string;" })).toEqual(["test/a.ts:2"]);
  });

  it("refuse default exports, save in config files", () => {
    const path = "packages/core/src/a.ts";
    expect(placesFound(checkHabits, { [path]: "export default 1;" })).toEqual([`${path}:1`]);
    expect(placesFound(checkHabits, { [path]: "const x = 1;\nexport { x as default };" })).toEqual([`${path}:2`]);
    expect(placesFound(checkHabits, { "vitest.config.ts": "export default 1;" })).toEqual([]);
  });

  it("refuse hosts of registries and places on one machine", () => {
    // Put together here, so that this file itself stays tidy.
    const host = ["registry", "example", "org"].join(".");
    const folder = ["", "home", "me", "quorate"].join("/");
    const files = { "pnpm-lock.yaml": `ok\ntarball: https://${host}/x.tgz`, "docs/a.md": `cd ${folder}` };
    expect(placesFound(checkPlaces, files)).toEqual(["docs/a.md:1", "pnpm-lock.yaml:2"]);
    expect(placesFound(checkPlaces, { "docs/a.md": "see packages/root/a and https://example.org/work/x" })).toEqual([]);
  });
});

describe("dead files", () => {
  const manifest = JSON.stringify({
    name: "quorate-kv",
    exports: { ".": { source: "./src/index.ts", default: "./dist/index.js" } },
    publishConfig: { bin: { kv: "./dist/main.js" } },
  });
  const files = {
    "package.json": '{ "scripts": { "demo": "node --import tsx examples/kv/src/demo.ts --fast" } }',
    "examples/kv/package.json": manifest,
    "examples/kv/src/index.ts": 'export * from "./store.js";',
    "examples/kv/src/store.ts": "",
    "examples/kv/src/main.ts": 'fork(new URL("./child.ts", import.meta.url));',
    "examples/kv/src/child.ts": "",
    "examples/kv/src/demo.ts": "",
    "examples/kv/test/store.test.ts": 'import "../src/forgotten.js";',
  };

  it("are those that no export, command or script reaches", () => {
    expect(placesFound(checkDeadFiles, files)).toEqual([]);
  });

  it("stay dead when only a test imports them", () => {
    expect(placesFound(checkDeadFiles, { ...files, "examples/kv/src/forgotten.ts": "" })).toEqual([
      "examples/kv/src/forgotten.ts:1",
    ]);
  });

  it("are not named by scripts", () => {
    const broken = { "package.json": '{ "scripts": { "demo": "node examples/kv/src/gone.ts" } }' };
    expect(messagesFound(checkScripts, { ...files, ...broken })).toEqual([
      'the script "demo" names examples/kv/src/gone.ts',
    ]);
  });
});

describe("docs", () => {
  const tree = {
    ".ci/run": "npx -y pnpm@1.2.3 test",
    "package.json": '{ "scripts": { "test": "vitest" } }',
    "docs/README.md": "[a](page.md) [b](other.md)",
    "docs/other.md": "# Of Elections & votes\n\ntext",
    "packages/core/src/raft.ts": "",
  };
  const docs = (text: string): string[] => messagesFound(checkDocs, { ...tree, "docs/page.md": text });

  it("are all in the index", () => {
    expect(messagesFound(checkDocs, { ...tree, "docs/page.md": "", "docs/forgotten.md": "" })).toEqual([
      "is not listed in docs/README.md",
    ]);
  });

  it("name what is there", () => {
    const page = `
[a](other.md) [b](other.md#of-elections--votes) [c](../packages/core/) [d](https://example.org) [e](#title)

# Title

\`raft.ts\` in \`packages/core/\` and \`packages/*/src\`; \`pnpm test\`, \`npx -y pnpm@1.2.3 test\`; \`leaderId\`.

Write a file \`counter.ts\`:

\`\`\`sh
pnpm -s test
$EDITOR counter.ts
\`\`\`
`;
    expect(docs(page)).toEqual([]);
  });

  it.each([
    ["[a](gone.md)", 'the link "gone.md" leads nowhere'],
    ["[a](other.md#gone)", 'the link "other.md#gone" leads nowhere'],
    ["[a](#gone)", 'the link "#gone" leads nowhere'],
    ["see `gone.ts`", "names the file gone.ts, which does not exist"],
    ["see `packages/core/src/gone.ts`", "names the file packages/core/src/gone.ts, which does not exist"],
    ["see `packages/gone/*`", "names the file packages/gone/*, which does not exist"],
    ["run `pnpm gone`", 'there is no script "gone"'],
    ["```sh\nnpx -y pnpm@1.2.3 gone\n```", 'there is no script "gone"'],
    ["```sh\nnpx -y pnpm@9.9.9 test\n```", "names pnpm 9.9.9, but .ci/run runs 1.2.3"],
  ])("do not say: %s", (text, message) => {
    expect(docs(text)).toEqual([message]);
  });
});

describe("sizes", () => {
  it("are those of production files and functions, longest first", () => {
    const repository = madeUpRepository({
      "packages/core/src/a.ts": "export function short() {\n}\nexport class C {\n  long() {\n\n\n  }\n}\n",
      "packages/core/src/b.ts": "export const f = () => 1;\n",
      "packages/core/test/a.test.ts": "\n\n\n\n\n\n\n\n\n\n\n\n",
    });
    expect(longestFiles(repository)).toEqual([
      { what: "packages/core/src/a.ts", lines: 8 },
      { what: "packages/core/src/b.ts", lines: 1 },
    ]);
    expect(longestFunctions(repository)).toEqual([
      { what: "packages/core/src/a.ts:4 long", lines: 4 },
      { what: "packages/core/src/a.ts:1 short", lines: 2 },
      { what: "packages/core/src/b.ts:1 f", lines: 1 },
    ]);
  });
});

describe("the repository", () => {
  it("is read from disk without what installs and builds leave behind", () => {
    const repository = openRepository(fileURLToPath(new URL("../../", import.meta.url)));
    expect(repository.has("packages/core/src/raft.ts")).toBe(true);
    expect(repository.has(".ci/run")).toBe(true);
    expect([...repository.paths].filter((path) => /(?:^|\/)(?:node_modules|dist|\.git)\//.test(path))).toEqual([]);
  });

  it("says where a file cannot be parsed", () => {
    const repository = madeUpRepository({ ...MANIFESTS, "test/a.ts": "\nconst = 1;" });
    expect(() => checkHabits(repository)).toThrow("test/a.ts:2: ");
  });
});
