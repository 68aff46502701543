/** The longest files and functions: printed, never failed on, so that growth is seen. */

import type { Node } from "oxc-parser";
import { placeOf, typeScriptFiles } from "./layout.js";
import type { Repository } from "./repository.js";
import { walk } from "./syntax.js";

/** What CONTRIBUTING asks for. */
export const FILE_LINES = 300;
export const FUNCTION_LINES = 50;

export interface Sized {
  /** The file, or the file and the function. */
  readonly what: string;
  readonly lines: number;
}

/** The production files, longest first. */
export function longestFiles(repository: Repository): Sized[] {
  return sourceFiles(repository)
    .map((path) => ({ what: path, lines: repository.text(path).trimEnd().split("\n").length }))
    .sort((a, b) => b.lines - a.lines);
}

/** The functions of the production files, longest first. */
export function longestFunctions(repository: Repository): Sized[] {
  // A compliance suite is one long function by nature: `describe` around `describe` around `it`.
  return sourceFiles(repository)
    .filter((path) => !path.includes("/compliance/"))
    .flatMap((path) => functionsOf(repository, path))
    .sort((a, b) => b.lines - a.lines);
}

function sourceFiles(repository: Repository): string[] {
  return typeScriptFiles(repository).filter((path) => placeOf(path).isSource);
}

function functionsOf(repository: Repository, path: string): Sized[] {
  const file = repository.source(path);
  const found: Sized[] = [];
  walk(file.program, (node, parent) => {
    if (!isFunction(node) || node.body === null) return;
    const lines = file.lineAt(node.end) - file.lineAt(node.start) + 1;
    found.push({ what: `${path}:${file.lineAt(node.start)} ${nameOf(node, parent)}`, lines });
  });
  return found;
}

function isFunction(node: Node): node is Extract<Node, { async: boolean }> {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

function nameOf(node: Extract<Node, { async: boolean }>, parent: Node | null): string {
  if (node.id?.type === "Identifier") return node.id.name;
  if (parent?.type === "MethodDefinition" || parent?.type === "Property" || parent?.type === "PropertyDefinition") {
    return parent.key.type === "Identifier" || parent.key.type === "PrivateIdentifier" ? parent.key.name : "(computed)";
  }
  return parent?.type === "VariableDeclarator" && parent.id.type === "Identifier" ? parent.id.name : "(anonymous)";
}
