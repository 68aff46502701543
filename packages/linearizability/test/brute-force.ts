/** The definition of linearizability, tried out to the letter: for small histories, and to compare the checker with. */

import { type Call, illegal, type Model } from "../src/index.js";

/** Whether some order of `calls` follows real time and explains all of them. At most 30 calls. */
export function isLinearizable<State, Operation>(
  calls: readonly Call<Operation>[],
  model: Model<State, Operation>,
): boolean {
  const failed = new Set<string>();
  const all = calls.reduce((mask, { returnedAt }, place) => (returnedAt === null ? mask : mask | (1 << place)), 0);
  const canFollow = (done: number, place: number): boolean =>
    calls.every(
      ({ returnedAt }, other) =>
        (done & (1 << other)) !== 0 || returnedAt === null || returnedAt >= (calls[place] as Call<Operation>).invokedAt,
    );
  const visit = (done: number, state: State): boolean => {
    if ((done & all) === all) return true;
    const name = `${done} ${JSON.stringify(state instanceof Map || state instanceof Set ? [...state] : state)}`;
    if (failed.has(name)) return false;
    failed.add(name);
    return calls.some(({ operation }, place) => {
      if ((done & (1 << place)) !== 0 || !canFollow(done, place)) return false;
      const next = model.step(state, operation);
      return next !== illegal && visit(done | (1 << place), next);
    });
  };
  return visit(0, model.init());
}
