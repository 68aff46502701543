/** An error with all its causes, in one line. */

import { RaftError } from "@quorate/contracts";

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof RaftError ? `${error.code}: ` : "";
  const cause = error.cause === undefined ? "" : ` (because of ${describeError(error.cause)})`;
  return `${code}${error.message}${cause}`;
}
