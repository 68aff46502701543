/** Which variables, parameters and imports a file has, and where: what bears such a name there is nothing global. */

import type { Node, Program } from "oxc-parser";
import { walk } from "./syntax.js";

/** Whether `name`, written at the offset `at`, is the file's own. */
export type IsOwn = (name: string, at: number) => boolean;

interface Range {
  readonly start: number;
  readonly end: number;
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  // Signatures without a body.
  "TSDeclareFunction",
  "TSEmptyBodyFunctionExpression",
  "TSFunctionType",
  "TSMethodSignature",
]);

/**
 * Takes each name to hold in the whole function that declares it, or in the whole file if no function does. What is
 * merely announced, by `declare`, is global.
 */
export function ownNames(program: Program): IsOwn {
  const functions: Range[] = [];
  const names: { name: string; at: number }[] = [];
  walk(program, (node) => {
    if (isFunction(node)) functions.push({ start: node.start, end: node.end });
    for (const pattern of patternsOf(node)) {
      for (const name of namesIn(pattern)) names.push({ name, at: node.start });
    }
  });
  const scopes = new Map<string, Range[]>();
  for (const { name, at } of names) {
    // Functions are found from the outside in.
    const scope = functions.findLast(({ start, end }) => start <= at && at < end) ?? program;
    scopes.set(name, [...(scopes.get(name) ?? []), scope]);
  }
  return (name, at) => scopes.get(name)?.some(({ start, end }) => start <= at && at < end) ?? false;
}

function isFunction({ type }: Node): boolean {
  return FUNCTIONS.has(type);
}

/** What `node` declares names by: identifiers, and patterns of them. */
function patternsOf(node: Node): readonly Node[] {
  switch (node.type) {
    case "VariableDeclaration":
      return node.declare ? [] : node.declarations.map(({ id }) => id);
    case "CatchClause":
      return node.param === null ? [] : [node.param];
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return [node.local];
    default:
      return isFunction(node) && "params" in node ? (node.params as readonly Node[]) : [];
  }
}

function namesIn(pattern: Node): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : namesIn(element)));
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        namesIn(property.type === "Property" ? property.value : property.argument),
      );
    case "TSParameterProperty":
      return namesIn(pattern.parameter);
    default:
      return [];
  }
}
