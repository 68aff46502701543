/** `pnpm bench linearizability`: how long the checker of histories takes over a long one. */

import { casRegister, check } from "@quorate/linearizability";
import type { Figures, Part, Row, Settings, Turn } from "../frame/part.js";
import { type HistoryOrder, makeHistory } from "./histories.js";

const ORDER: Omit<HistoryOrder, "operations"> = { clients: 100, keys: 100, unknown: 0.01 };
const ROW: Row = { name: `${ORDER.clients} clients, ${ORDER.keys} keys, 1 % unknown`, factors: {} };

export const linearizability: Part = {
  name: "linearizability",
  summary: "the checker of histories: a million operations of 100 clients on 100 registers, 1 % of unknown outcome",
  columns: [
    { key: "checkMs", title: "check, ms", meaning: "how long the check took" },
    { key: "perCpuSecond", title: "operations/CPU s", meaning: "operations checked in a second of CPU time" },
    { key: "steps", title: "steps", meaning: "states of registers that were tried" },
  ],
  seconds: 1,
  repeats: 5,
  warmUpSeconds: 0,
  options: [{ name: "operations", meaning: "how long the history is", usual: 1_000_000, quick: 100_000 }],
  targets: [],
  rivals: [],
  rows: () => [ROW],
  open: async (settings) => ({ repeat: (turn) => repeat(settings, turn), close: async () => undefined }),
};

async function repeat(settings: Settings, turn: Turn): Promise<void> {
  const operations = settings.numbers["operations"] ?? 1_000_000;
  const history = makeHistory({ ...ORDER, operations }, turn.repeat + 1);
  await turn.measure(ROW, (): Figures => {
    const startedAt = performance.now();
    const { verdict, steps } = check(history, casRegister());
    const checkMs = performance.now() - startedAt;
    if (verdict !== "linearizable") throw new Error(`a history of linearizable registers is ${verdict}`);
    return { operations, values: { checkMs, steps } };
  });
}
