/** What several measurements of the same thing amount to. */

export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (place: number): number => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    lowest: at(0),
    highest: at(sorted.length - 1),
  };
}

/** The value that `part` of all are not above: 0.99 for the 99th percentile. `sorted` by rising value. */
export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
}

/** Others may take so many cores while a repeat counts as quiet. */
const QUIET_CORES = 0.15;
const ENOUGH = 3;

/**
 * Which repeats count, given how many cores others took during each: those that were quiet, if there are three; else the
 * quieter half. All of them where nobody can tell. By rising place.
 */
export function quietRepeats(foreignCores: readonly (number | null)[]): number[] {
  const places = foreignCores.map((_, place) => place);
  if (foreignCores.includes(null)) return places;
  const byNoise = places.toSorted((left, right) => (foreignCores[left] ?? 0) - (foreignCores[right] ?? 0));
  const quiet = places.filter((place) => (foreignCores[place] ?? 0) < QUIET_CORES);
  const half = Math.ceil(places.length / 2);
  const kept = quiet.length >= Math.min(ENOUGH, half) ? quiet : byNoise.slice(0, half);
  return kept.toSorted((left, right) => left - right);
}
