/**
 * What the simulator must be able to fake, the code it runs must not reach for.
 *
 * The core is a function of its inputs: no clock, timer, randomness, promise or console (PITFALLS F13). What surrounds
 * it in a simulation may use promises, but takes time and chance from its ports alone. (That neither imports anything
 * of Node is for arrows.ts to see.)
 */

import type { Node } from "oxc-parser";
import { type IsOwn, ownNames } from "./bindings.js";
import { partOf, placeOf, typeScriptFiles } from "./layout.js";
import type { Repository, Violation } from "./repository.js";
import { walk } from "./syntax.js";

const TIME_AND_CHANCE = [
  "Date",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "crypto",
  "console",
  "process",
  "globalThis",
];

const FORBIDDEN: Readonly<Record<string, ReadonlySet<string>>> = {
  core: new Set([...TIME_AND_CHANCE, "queueMicrotask", "Promise"]),
  contracts: new Set(TIME_AND_CHANCE),
  codec: new Set(TIME_AND_CHANCE),
  runtime: new Set(TIME_AND_CHANCE),
  "storage-memory": new Set(TIME_AND_CHANCE),
  "transport-memory": new Set(TIME_AND_CHANCE),
  simulator: new Set(TIME_AND_CHANCE),
  // Where there is a Node, its checksums are used.
  "storage-level/abstract": allBut("globalThis"),
  // Its time limit, of which the simulator has none, needs a clock.
  linearizability: allBut("Date"),
};

function allBut(allowed: string): ReadonlySet<string> {
  return new Set(TIME_AND_CHANCE.filter((name) => name !== allowed));
}

export function checkPurity(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const path of typeScriptFiles(repository)) {
    const { area, isSource } = placeOf(path);
    const name = partOf(path);
    const forbidden = FORBIDDEN[name];
    if (area !== "packages" || !isSource || forbidden === undefined) continue;
    const file = repository.source(path);
    const isOwn = ownNames(file.program);
    walk(file.program, (node, parent) => {
      const impurity = impurityOf(node, parent, { forbidden, isOwn, isCore: name === "core" });
      if (impurity !== null) {
        violations.push({ path, line: file.lineAt(node.start), message: `${name} must not use ${impurity}` });
      }
    });
  }
  return violations;
}

interface Rules {
  readonly forbidden: ReadonlySet<string>;
  readonly isOwn: IsOwn;
  readonly isCore: boolean;
}

function impurityOf(node: Node, parent: Node | null, { forbidden, isOwn, isCore }: Rules): string | null {
  switch (node.type) {
    case "Identifier":
      if (node.name === "Math" && !(parent?.type === "MemberExpression" && parent.object === node)) {
        return "Math as a value: write Math.x, so that it shows which";
      }
      if (!forbidden.has(node.name) || isPropertyName(node, parent) || isOwn(node.name, node.start)) return null;
      return node.name;
    case "MemberExpression":
      return isMathRandom(node.object, node.property) ? "Math.random" : null;
    case "AwaitExpression":
      return isCore ? "await" : null;
    case "ForOfStatement":
      return isCore && node.await ? "for await" : null;
    case "ArrowFunctionExpression":
    case "FunctionDeclaration":
    case "FunctionExpression":
      return isCore && node.async ? "async" : null;
    default:
      return null;
  }
}

function isMathRandom(object: Node, property: Node): boolean {
  if (object.type !== "Identifier" || object.name !== "Math") return false;
  return property.type === "Identifier" ? property.name === "random" : property.type !== "PrivateIdentifier";
}

/** `node` names a property (`x.process`, `{ process: 1 }`), and not the thing of that name. */
function isPropertyName(node: Node, parent: Node | null): boolean {
  switch (parent?.type) {
    case "MemberExpression":
      return parent.property === node && !parent.computed;
    case "TSQualifiedName":
      return parent.right === node;
    case "Property":
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return parent.key === node && !parent.computed;
    default:
      return false;
  }
}
