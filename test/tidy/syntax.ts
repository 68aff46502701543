/** TypeScript source, parsed: its imports, and a walk over its syntax tree. */

import { type Node, type Program, parseSync, visitorKeys } from "oxc-parser";

/**
 * A mention of another module.
 *
 * - `import`: an import, a re-export, an import type.
 * - `url`: `new URL("./file", import.meta.url)`, by which a file is run or read rather than imported.
 */
export interface Import {
  readonly kind: "import" | "url";
  readonly specifier: string;
  /** Erased by the compiler: no such import at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly imports: readonly Import[];
  /** The line, from 1, of a character offset. */
  lineAt(offset: number): number;
}

/** Parses `text`. Throws a `SyntaxError` that names the file and the line. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text, { sourceType: "module" });
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  const [error] = errors;
  if (error !== undefined) {
    const line = lineAt(error.labels[0]?.start ?? 0);
    throw new SyntaxError(`${path}:${line}: ${error.message}`);
  }
  const imports: Import[] = [];
  walk(program, (node) => {
    const found = importOf(node);
    const url = urlOf(node);
    if (found !== null) imports.push({ kind: "import", ...found, line: lineAt(node.start) });
    if (url !== null) imports.push({ kind: "url", specifier: url, typeOnly: false, line: lineAt(node.start) });
  });
  return { path, text, program, imports, lineAt };
}

/** Calls `visit` for each node below and including `node`, parents first. */
export function walk(node: Node, visit: (node: Node, parent: Node | null) => void, parent: Node | null = null): void {
  visit(node, parent);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = (node as unknown as Record<string, Node | null | readonly (Node | null)[]>)[key];
    for (const each of Array.isArray(child) ? (child as readonly (Node | null)[]) : [child as Node | null]) {
      if (each) walk(each, visit, node);
    }
  }
}

function importOf(node: Node): { specifier: string; typeOnly: boolean } | null {
  switch (node.type) {
    case "ImportDeclaration":
      return { specifier: node.source.value, typeOnly: node.importKind === "type" };
    case "ExportAllDeclaration":
      return { specifier: node.source.value, typeOnly: node.exportKind === "type" };
    case "ExportNamedDeclaration":
      return node.source && { specifier: node.source.value, typeOnly: node.exportKind === "type" };
    case "TSImportType":
      return { specifier: node.source.value, typeOnly: true };
    case "ImportExpression":
      return { specifier: literalOf(node.source) ?? "(computed)", typeOnly: false };
    default:
      return null;
  }
}

function urlOf(node: Node): string | null {
  if (node.type !== "NewExpression" || node.callee.type !== "Identifier" || node.callee.name !== "URL") return null;
  const [file, base] = node.arguments;
  if (file === undefined || base?.type !== "MemberExpression" || base.object.type !== "MetaProperty") return null;
  return literalOf(file);
}

function literalOf(node: Node): string | null {
  return node.type === "Literal" && typeof node.value === "string" ? node.value : null;
}
