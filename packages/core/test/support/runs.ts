/** How many cases each property tries: `QUORATE_RUNS` is a factor, 1 where it is not set. */

export function numRuns(normally: number): number {
  const factor = Number(process.env["QUORATE_RUNS"] ?? "1");
  if (!(factor > 0)) throw new Error("QUORATE_RUNS must be a positive number");
  return Math.ceil(normally * factor);
}
