/** What becomes of one exhibit: its bug is planted in a copy of the repository, and the simulator is let loose on it. */

import type { Exhibit } from "./collection.js";
import { applyPatch, type Patch, PatchError, parsePatch } from "./patch.js";
import { compile, explore, type Finding, runSeed } from "./programs.js";
import { TreeCopy } from "./tree-copy.js";

export interface Verdict {
  readonly name: string;
  /** Null if the header cannot be read. */
  readonly title: string | null;
  readonly source: string | null;
  readonly isFound: boolean;
  /** Why there is no answer: the patch does not fit or compile, or the simulator did not run as it should. */
  readonly problem: string | null;
  /** What was found, if something was. */
  readonly finding: Finding | null;
}

/** Gives the simulator `seconds` to find the bug. */
export async function examine({ name, text }: Exhibit, seconds: number): Promise<Verdict> {
  let patch: Patch | null = null;
  const copy = new TreeCopy();
  try {
    patch = parsePatch(text);
    const original = new Map(patch.changes.map(({ path }) => [path, copy.read(path) ?? ""]));
    const changed = applyPatch(patch, (path) => copy.read(path));
    copy.write(changed);
    const complaint = await compile(copy.root, packagesOf(changed.keys()));
    if (complaint !== null) throw new PatchError(`it does not compile: ${complaint}`);
    const finding = await explore(copy.root, seconds);
    if (finding !== null) {
      copy.write(original);
      await mustBeTheBug(finding, copy);
    }
    return verdict(name, patch, null, finding);
  } catch (error) {
    return verdict(name, patch, messageOf(error), null);
  } finally {
    copy.remove();
  }
}

/**
 * What the simulator finds in the code as it is, in words. Null, as it should be, if it finds nothing: what it finds
 * without a bug it may find with any, and then no answer means anything.
 */
export async function complaintAboutToday(seconds: number): Promise<string | null> {
  const copy = new TreeCopy();
  try {
    const finding = await explore(copy.root, seconds);
    return finding === null ? null : inWords(finding);
  } catch (error) {
    return messageOf(error);
  } finally {
    copy.remove();
  }
}

/** What the same seed shows without the bug has nothing to do with it. */
async function mustBeTheBug({ seed }: Finding, { root }: TreeCopy): Promise<void> {
  const without = await runSeed(root, seed);
  if (without !== null)
    throw new Error(`what was found has another cause, for it shows without the bug: ${inWords(without)}`);
}

function inWords({ property, seed, message }: Finding): string {
  return `${property}, with seed ${seed}: ${message}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function verdict(name: string, patch: Patch | null, problem: string | null, finding: Finding | null): Verdict {
  const { title = null, source = null } = patch ?? {};
  return { name, title, source, isFound: finding !== null, problem, finding };
}

function packagesOf(paths: Iterable<string>): string[] {
  return [...new Set([...paths].map((path) => path.split("/").slice(0, 2).join("/")))];
}
