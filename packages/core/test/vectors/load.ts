/**
 * Test vectors, in files `{"vectors": [...]}` of the folder that QUORATE_VECTORS names, or else of `shared/vectors` beside
 * the repository. They are not part of the repository: without them these tests are skipped, and say so.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

export const folder =
  process.env["QUORATE_VECTORS"] ?? fileURLToPath(new URL("../../../../../shared/vectors", import.meta.url));

/**
 * One `it` for each vector of the file. `notApplicable` names those that do not fit our model, and why; a vector that
 * passes nevertheless, or that is not there, should not be named.
 */
export function describeVectors<V extends { readonly name: string }>(
  file: string,
  check: (vector: V) => void,
  notApplicable: Readonly<Record<string, string>> = {},
): void {
  const vectors = load<V>(file);
  const note = vectors.length === 0 ? ` (skipped: there is no ${file} in ${folder}; set QUORATE_VECTORS)` : "";
  describe.skipIf(vectors.length === 0)(`${file}${note}`, () => {
    for (const vector of vectors) {
      const reason = notApplicable[vector.name];
      if (reason === undefined) it(vector.name, () => check(vector));
      else it(`${vector.name} does not apply: ${reason}`, () => expect(() => check(vector)).toThrow());
    }
    it("holds every vector that is said not to apply", () => {
      const names = vectors.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(Object.keys(notApplicable)));
    });
  });
}

function load<V>(file: string): V[] {
  const path = `${folder}/${file}`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { vectors: V[] }).vectors : [];
}
