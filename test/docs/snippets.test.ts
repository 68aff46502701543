import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { madeUpRepository, openRepository } from "../tidy/repository.js";
import { compile, run, type Snippet, snippetsOf } from "./snippets.js";

describe("code in the documentation", () => {
  const snippets = snippetsOf(openRepository(fileURLToPath(new URL("../../", import.meta.url))));

  it("compiles", () => {
    expect(compile(snippets)).toEqual([]);
  });

  const toRun = snippets.filter(({ isRun }) => isRun);
  it.each(toRun)("$where runs, and prints what the page says", (snippet) => {
    const { status, stdout, stderr } = run(snippet);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    if (snippet.output !== null) expect(stdout.trimEnd()).toBe(snippet.output.trimEnd());
  });
});

describe("the check of that code", () => {
  const snippetsIn = (page: string): Snippet[] => snippetsOf(madeUpRepository({ "docs/made-up.md": page }));

  it("finds each block, with its line, whether it is run, and what it prints", () => {
    const page = "```ts\na();\n```\n\n```sh\nls\n```\n```ts run\nb();\n```\n\nprints\n\n```text output\nB\n```\n";
    expect(snippetsIn(page)).toEqual([
      { where: "docs/made-up.md:1", code: "\na();\n", isRun: false, output: null },
      { where: "docs/made-up.md:8", code: `${"\n".repeat(8)}b();\n`, isRun: true, output: "B" },
    ]);
  });

  it("says which line of which page does not compile", () => {
    const page = '# Title\n\n```ts\nimport { nothingOfThatName } from "@quorate/core";\n```\n';
    const complaints = compile(snippetsIn(page));
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain("docs_made-up-3.ts(4,10): error TS2305");
  });

  it("takes each block for a module of its own", () => {
    expect(compile(snippetsIn("```ts\nconst a = 1;\n```\n```ts\nconst a = 2;\n```\n"))).toEqual([]);
  });

  it("runs a block and hands back what it printed and how it ended", () => {
    const [snippet] = snippetsIn('```ts run\nconsole.log("hello");\nprocess.exitCode = 3;\n```\n');
    expect(snippet && compile([snippet])).toEqual([]);
    expect(snippet && run(snippet)).toMatchObject({ status: 3, stdout: "hello\n", stderr: "" });
  });
});
