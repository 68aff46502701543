/** The log asks for more than this server supports: it must stop, and not lose what it has (PITFALLS C11, O7). */

import type { FeatureLevels } from "./types.js";

export class UnsupportedFeatureLevelError extends Error {
  override readonly name = "UnsupportedFeatureLevelError";
  readonly needed: FeatureLevels;
  readonly supported: FeatureLevels;

  constructor(needed: FeatureLevels, supported: FeatureLevels) {
    super(`the cluster is at feature level ${text(needed)}; this server supports up to ${text(supported)}`);
    this.needed = needed;
    this.supported = supported;
  }
}

function text({ library, application }: FeatureLevels): string {
  return `${library} of the library and ${application} of the application`;
}
