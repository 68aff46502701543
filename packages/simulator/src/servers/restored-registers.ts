/** What registers must be that took over a state: what all commands up to there make of them, and nothing else. */

import type { Command, RegistersState } from "./register-file.js";

/** In words, what of `state` is not what `commands`, the first of all, make of registers; null if nothing is. */
export function contradictionIn(state: RegistersState, commands: readonly Command[]): string | null {
  if (state.length > commands.length) {
    return `${state.length} commands are in it, and ${commands.length} were ever applied.`;
  }
  const expected = new Map<string, string>();
  for (const { f, key, value } of commands.slice(0, state.length)) {
    expected.set(key, f === "put" ? value : (expected.get(key) ?? "") + value);
  }
  const found = new Map(state.values);
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [wanted, held] = [expected.get(key) ?? "", found.get(key) ?? ""];
    if (wanted !== held) return `After ${state.length} commands ${key} is "${wanted}", and in it "${held}".`;
  }
  return null;
}
