/**
 * Imports point one way.
 *
 *     core ◄─ contracts ◄─ runtime ◄─ simulator
 *       ▲         ▲
 *       └─ codec ◄┴─ transport-*, storage-*          quorate, examples, test: anything, by package name
 *
 * Inside the core they only point downwards, and no package has a cycle.
 */

import { isBuiltin } from "node:module";
import { basename } from "node:path/posix";
import {
  isRelative,
  type Place,
  partOf,
  placeOf,
  resolveRelative,
  splitSpecifier,
  typeScriptFiles,
  workspacePackages,
} from "./layout.js";
import type { Repository, Violation } from "./repository.js";
import type { Import } from "./syntax.js";

interface Arrows {
  /** The packages of this workspace that it may import, by folder, or parts of them; `null` for any. */
  readonly packages: readonly string[] | null;
  /** Of those, the ones it may import types of, and nothing else. */
  readonly typesOf?: readonly string[];
  /** The libraries that it may import; `null` for any. */
  readonly libraries?: readonly string[] | null;
  /** Whether it may import what Node has built in. */
  readonly node?: boolean;
}

const ANYTHING: Arrows = { packages: null, libraries: null, node: true };

/** Packages, and parts of packages that are imported by a path of their own. */
const ARROWS: Readonly<Record<string, Arrows>> = {
  core: { packages: [] },
  contracts: { packages: [], typesOf: ["core"] },
  "contracts/compliance": { packages: ["core"], libraries: ["vitest", "fast-check"] },
  codec: { packages: ["core", "contracts"], libraries: ["msgpackr"] },
  runtime: { packages: ["core", "contracts"] },
  "transport-memory": { packages: ["core", "contracts", "codec"] },
  "transport-tcp": { packages: ["core", "contracts", "codec"], node: true },
  "storage-memory": { packages: ["core", "contracts", "codec"] },
  "storage-level": { packages: ["core", "contracts", "codec"], libraries: ["level"], node: true },
  "storage-level/abstract": { packages: ["core", "contracts"] },
  linearizability: { packages: [] },
  "linearizability/command": { packages: [], libraries: ["commander"], node: true },
  simulator: {
    packages: [
      "core",
      "contracts",
      "codec",
      "runtime",
      "transport-memory",
      "linearizability",
      "storage-level/abstract",
      "linearizability",
    ],
    libraries: ["abstract-level", "sorted-btree", "tinyqueue"],
  },
  quorate: ANYTHING,
};

/** The files of the core, from the top down. A file imports from the lines below its own, or from its own line. */
const CORE_LAYERS: readonly (readonly string[])[] = [
  ["index"],
  ["raft"],
  ["catch-up", "membership", "feature-levels"],
  ["replication", "transfer"],
  ["election", "commit", "reads", "snapshot", "configuration-gate"],
  ["quiet"],
  ["transitions", "lease", "succession"],
  ["state"],
  ["roles", "start", "configuration-stack"],
  ["effects", "progress", "round-times", "term-log", "quorum", "configuration", "random"],
  ["invariant-error", "unsupported-feature-level-error", "ascii-json"],
  ["input"],
  ["messages"],
  ["types"],
];

/** The chapters of the paper. Those that share a line above never import each other. */
const CHAPTERS = CORE_LAYERS.slice(2, 5);

export function checkArrows(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  const workspace = workspacePackages(repository);
  for (const path of typeScriptFiles(repository)) {
    const place = placeOf(path);
    for (const each of importsOf(repository, path)) {
      const message = isRelative(each.specifier)
        ? refuseRelative(repository, path, place, each.specifier)
        : refuseByName(workspace, path, place, each);
      if (message !== null) violations.push({ path, line: each.line, message });
    }
  }
  return violations;
}

function importsOf(repository: Repository, path: string): Import[] {
  return repository.source(path).imports.filter((each) => each.kind === "import");
}

/** Why `path` must not import the file that `specifier` means, or null. */
function refuseRelative(repository: Repository, path: string, place: Place, specifier: string): string | null {
  const target = resolveRelative(repository, path, specifier);
  if (!`${target}/`.startsWith(place.folder === "" ? "" : `${place.folder}/`)) {
    return `"${specifier}" leaves ${place.folder}: import other packages by their name`;
  }
  if (place.isSource && !target.startsWith(`${place.folder}/src/`) && !target.endsWith("package.json")) {
    return `"${specifier}" leaves src: what is published must not need what is not`;
  }
  const [from, to] = [partOf(path), partOf(target)];
  if (to === "contracts/compliance" && place.isSource && from !== to) {
    return `"${specifier}" brings vitest into production code`;
  }
  if (from === "storage-level/abstract" && from !== to) {
    return `"${specifier}" leaves src/abstract, which is for machines without files, too`;
  }
  return place.folder === "packages/core" && place.isSource ? refuseLayer(path, target) : null;
}

function refuseLayer(path: string, target: string): string | null {
  const from = basename(path, ".ts");
  const to = basename(target, ".ts");
  const fromLayer = CORE_LAYERS.findIndex((layer) => layer.includes(from));
  const toLayer = CORE_LAYERS.findIndex((layer) => layer.includes(to));
  if (fromLayer === -1) return `${from}.ts has no line in CORE_LAYERS: give it its place`;
  if (toLayer === -1) return `${to}.ts has no line in CORE_LAYERS: give it its place`;
  if (toLayer < fromLayer) return `${from} must not import ${to}, which stands above it`;
  if (CHAPTERS.some((line) => line.includes(from) && line.includes(to)))
    return `the chapters ${from} and ${to} must not import each other`;
  return null;
}

/** Why `path` must not import what `specifier` names, or null. */
function refuseByName(
  workspace: ReadonlyMap<string, string>,
  path: string,
  place: Place,
  found: Import,
): string | null {
  const { specifier } = found;
  const { packageName, subpath } = splitSpecifier(specifier);
  const folder = workspace.get(packageName);
  if (!place.isSource || place.area !== "packages") {
    return place.isSource && isComplianceSubpath(folder, subpath) ? `"${specifier}" is for tests` : null;
  }
  const self = partOf(path);
  const arrows = ARROWS[self];
  if (arrows === undefined) return `packages/${place.name} has no line in ARROWS: give it its place`;
  if (isBuiltin(specifier)) return arrows.node ? null : `${self} must not import "${specifier}": it knows no Node`;
  if (folder === undefined) return refuseLibrary(self, arrows, packageName);
  if (isComplianceSubpath(folder, subpath)) return `"${specifier}" is for tests`;
  if (folder === place.folder) return `"${specifier}" is this package: import by relative path`;
  const target = folder.replace("packages/", "");
  if (arrows.packages === null || arrows.packages.includes(target)) return null;
  if (arrows.packages.includes(`${target}/${subpath}`)) return null;
  if (!arrows.typesOf?.includes(target)) return `${self} must not import ${target}`;
  return found.typeOnly ? null : `${self} may import only types of ${target}`;
}

function refuseLibrary(self: string, arrows: Arrows, name: string): string | null {
  const isAllowed = arrows.libraries === null || arrows.libraries?.includes(name);
  return isAllowed ? null : `${self} must not import the library "${name}"`;
}

function isComplianceSubpath(folder: string | undefined, subpath: string): boolean {
  return folder === "packages/contracts" && subpath === "compliance";
}

/** Every ring of files that import each other, told once, types included: they could not be read in any order. */
export function checkCycles(repository: Repository): Violation[] {
  const violations: Violation[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      const ring = [...trail.slice(start), path].map((each) => basename(each));
      violations.push({ path, line: 1, message: `import cycle: ${ring.join(" → ")}` });
      return;
    }
    if (done.has(path) || !repository.paths.has(path)) return;
    trail.push(path);
    for (const each of importsOf(repository, path)) {
      if (isRelative(each.specifier)) visitTypeScript(resolveRelative(repository, path, each.specifier));
    }
    trail.pop();
    done.add(path);
  };
  const visitTypeScript = (path: string): void => {
    if (path.endsWith(".ts")) visit(path);
  };
  typeScriptFiles(repository).forEach(visitTypeScript);
  return violations;
}
