/**
 * Packs every package that is published, and looks at the tarballs as their users will: are the files there, does
 * the manifest lead to them, do the types match, can plain Node import it all and start its commands?
 */

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData, type Package } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** A package, before and after it was packed. */
interface Packed {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly tarball: Buffer;
  readonly contents: Package;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Set by pnpm for the scripts it runs. */
const pnpm = process.env["npm_execpath"];
if (pnpm === undefined) throw new Error("start this through pnpm: `pnpm check`");

const work = mkdtempSync(join(tmpdir(), "quorate-publish-"));
try {
  publishedFolders().forEach(removeLeftovers);
  const packages = pack(publishedFolders(), pnpm);
  const problems = (await Promise.all(packages.map(problemsOf))).flat();
  if (problems.length === 0) problems.push(...problemsAtRunTime(packages));
  for (const problem of problems) console.error(problem);
  console.log(`${packages.length} packages packed: ${problems.length === 0 ? "fit to publish" : "not fit to publish"}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true });
}

function publishedFolders(): string[] {
  return ["packages", "examples"]
    .flatMap((area) => readdirSync(join(ROOT, area)).map((name) => join(ROOT, area, name)))
    .filter((folder) => readManifest(readFileSync(join(folder, "package.json"), "utf8")).private !== true);
}

function nameOf(folder: string): string {
  return readManifest(readFileSync(join(folder, "package.json"), "utf8")).name;
}

function readManifest(text: string): Manifest {
  return JSON.parse(text) as Manifest;
}

/** The compiler never deletes: what it made of sources that are gone by now would be published for ever. */
function removeLeftovers(folder: string): void {
  const files = readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" });
  for (const file of files) {
    const [, name] = /^(.*?)\.(?:js|d\.ts)(?:\.map)?$/.exec(file) ?? [];
    if (name !== undefined && !existsSync(join(folder, "src", `${name}.ts`))) rmSync(join(folder, "dist", file));
  }
}

function pack(folders: readonly string[], pnpmPath: string): Packed[] {
  const filters = folders.flatMap((folder) => ["--filter", nameOf(folder)]);
  const options = ["--recursive", ...filters, "pack", "--json", "--pack-destination", work];
  const output = execFileSync(process.execPath, [pnpmPath, ...options], { cwd: ROOT, encoding: "utf8" });
  const results = [JSON.parse(output)].flat() as { readonly name: string; readonly filename: string }[];
  return folders.map((folder) => {
    const name = nameOf(folder);
    const result = results.find((each) => each.name === name);
    if (result === undefined) throw new Error(`${name} was not packed`);
    const tarball = readFileSync(result.filename);
    const contents = createPackageFromTarballData(tarball);
    const manifest = readManifest(contents.readFile(`/node_modules/${name}/package.json`));
    return { folder, manifest, tarball, contents };
  });
}

async function problemsOf(packed: Packed): Promise<string[]> {
  const problems = [
    ...problemsOfFiles(packed),
    ...(await problemsOfManifest(packed)),
    ...(await problemsOfTypes(packed)),
  ];
  return problems.map((problem) => `${packed.manifest.name}: ${problem}`);
}

/** What a tarball must hold, and what must have stayed at home. */
function problemsOfFiles({ contents, manifest }: Packed): string[] {
  const prefix = `/node_modules/${manifest.name}/`;
  const files = contents.listFiles().map((file) => file.slice(prefix.length));
  const missing = ["LICENSE", "README.md"]
    .filter((file) => !files.includes(file))
    .map((file) => `${file} is not in the tarball`);
  const strange = files
    .filter((file) => !/^(?:dist\/.*\.(?:js|d\.ts)(?:\.map)?|src\/.*\.ts|package\.json|README\.md|LICENSE)$/.test(file))
    .map((file) => `${file} does not belong in a tarball`);
  const blind = files
    .filter((file) => file.endsWith(".map"))
    .filter((file) => {
      const { sources } = JSON.parse(contents.readFile(prefix + file)) as { readonly sources: readonly string[] };
      return !sources.every((source) => files.includes(join(dirname(file), source)));
    })
    .map((file) => `${file} names a source that is not in the tarball`);
  return [...missing, ...strange, ...blind];
}

async function problemsOfManifest({ tarball }: Packed): Promise<string[]> {
  const bytes = new Uint8Array(tarball).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true, level: "warning" });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);
}

/** The profile `esm-only`: neither `require` nor the resolution of before exports maps is promised to work. */
async function problemsOfTypes({ contents }: Packed): Promise<string[]> {
  const result = await checkPackage(contents);
  if (result.types === false) return ["has no types"];
  return result.problems
    .filter((each) => !("resolutionKind" in each) || !["node10", "node16-cjs"].includes(each.resolutionKind))
    .map((each) => `types: ${each.kind} ${"entrypoint" in each ? `${each.entrypoint} (${each.resolutionKind})` : ""}`);
}

/** Installs the tarballs by hand, without a registry, then imports every package and starts every command. */
function problemsAtRunTime(packages: readonly Packed[]): string[] {
  for (const { folder, manifest, contents } of packages) {
    for (const file of contents.listFiles()) write(join(work, file), contents.readFile(file));
    const libraries = Object.keys(manifest.dependencies ?? {}).filter(
      (name) => !packages.some((each) => each.manifest.name === name),
    );
    for (const name of libraries)
      link(realpathSync(join(folder, "node_modules", name)), join(work, "node_modules", name));
  }
  const imports = packages.map(({ manifest }) => `await import("${manifest.name}");`);
  const runs = packages.flatMap(({ manifest }) =>
    Object.values(manifest.bin ?? {}).map((file) => [join("node_modules", manifest.name, file), "--help"]),
  );
  return [["--input-type=module", "--eval", imports.join("\n")], ...runs].flatMap(runNode);
}

function runNode(args: readonly string[]): string[] {
  try {
    execFileSync(process.execPath, args, { cwd: work, stdio: "pipe" });
    return [];
  } catch (error) {
    return [`node ${args.join(" ")}: ${String((error as { stderr?: unknown }).stderr ?? error)}`];
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(target, path);
}
