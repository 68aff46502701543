/**
 * What the simulator must be able to fake, the code it runs must not reach for.
 *
 * The core is a function of its inputs: no clock, timer, randomness, promise or console (PITFALLS F13). What surrounds
 * it in a simulation may use promises, but takes time and chance from its ports alone. (That neither imports anything
 * of Node is for arrows.ts to see.)
 */

import type { Node } from "oxc-parser";
import { placeOf, typeScriptFiles } from "./layout.js";
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
};

export function checkPurity(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  for (const path of typeScriptFiles(repository)) {
    const { area, name, isSource } = placeOf(path);
    const forbidden = FORBIDDEN[name];
    // A compliance suite is a test: it runs against real clocks and disks as well.
    const isCompliance = path.startsWith("packages/contracts/src/compliance/");
    if (area !== "packages" || !isSource || forbidden === undefined || isCompliance) continue;
    const file = repository.source(path);
    walk(file.program, (node, parent) => {
      const impurity = impurityOf(node, parent, forbidden, name === "core");
      if (impurity !== null) {
        violations.push({ path, line: file.lineAt(node.start), message: `${name} must not use ${impurity}` });
      }
    });
  }
  return violations;
}

function impurityOf(node: Node, parent: Node | null, forbidden: ReadonlySet<string>, isCore: boolean): string | null {
  switch (node.type) {
    case "Identifier":
      if (node.name === "Math" && !(parent?.type === "MemberExpression" && parent.object === node)) {
        return "Math as a value: write Math.x, so that it shows which";
      }
      return forbidden.has(node.name) && !isPropertyName(node, parent) ? node.name : null;
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
