/**
 * The page as one script for browsers, made from the same sources as everything else.
 *
 * A browser has nothing of what Node has built in. For `buffer` and `events` there are packages that do the same, and
 * an import of anything else is an error: what runs in simulations must run anywhere.
 */

import { createRequire, isBuiltin } from "node:module";
import { fileURLToPath } from "node:url";
import { build, defaultClientConditions, type Plugin } from "vite";

const PAGE = fileURLToPath(new URL("./page.ts", import.meta.url));

// With the slash they are packages, and not parts of Node.
const require = createRequire(import.meta.url);
const REPLACEMENTS = new Map([
  ["buffer", require.resolve("buffer/")],
  ["events", require.resolve("events/")],
]);

const withoutNode: Plugin = {
  name: "without-node",
  enforce: "pre",
  resolveId(source, importer) {
    const replacement = REPLACEMENTS.get(source);
    if (replacement === undefined && isBuiltin(source)) {
      throw new Error(`${importer} imports "${source}", which no browser has`);
    }
    return replacement;
  },
};

/** Returns the text of a module that needs no other. `entry` is the file to start from; it rejects if that needs Node. */
export async function bundleForBrowsers(entry = PAGE): Promise<string> {
  const built = await build({
    configFile: false,
    envFile: false,
    logLevel: "silent",
    plugins: [withoutNode],
    resolve: { conditions: ["source", ...defaultClientConditions] },
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry, formats: ["es"], fileName: "page" },
    },
  });
  const [bundle] = [built].flat();
  if (bundle === undefined || !("output" in bundle)) throw new Error("Vite built nothing");
  return bundle.output[0].code;
}
