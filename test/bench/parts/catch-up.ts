/**
 * `pnpm bench catch-up`: what it takes a server to come back that was away for a million entries, while the others go
 * on working: from a snapshot, or, where there is none, from the log.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Figures, Part, Row, Settings, Turn } from "../frame/part.js";
import { Cluster, type Server } from "../servers/cluster.js";
import { inForeground, NO_SNAPSHOTS } from "../servers/foreground.js";
import type { LoadFigures } from "../servers/protocol.js";

const FROM_SNAPSHOT: Row = { name: "from a snapshot", factors: { snapshots: 1 } };
const FROM_LOG: Row = { name: "from the log", factors: { snapshots: 0 } };
const ROWS = [FROM_SNAPSHOT, FROM_LOG];
const LATE = "n3";
const FILL_CLIENTS = 256;
const SETTLE_MS = 3000;
const LOOK_EVERY_MS = 100;
/** Whoever is this close to the leader keeps up. */
const CAUGHT_UP_ENTRIES = 1000;

export const catchUp: Part = {
  name: "catch-up",
  summary: "a server comes back that was away for a million entries, while the two others go on working",
  columns: [
    { key: "seconds", title: "seconds", meaning: "from the start of its process until it kept up with the leader" },
    { key: "entriesPerSecond", title: "entries/s", meaning: "what it was behind, by how long it took" },
    { key: "p99BeforeMs", title: "p99 before, ms", meaning: "of the leader's proposals, before it came" },
    { key: "p99MeanwhileMs", title: "p99 meanwhile, ms", meaning: "of the leader's proposals, until it kept up" },
    { key: "p99Ratio", title: "p99 ratio", meaning: "the one to the other" },
    { key: "elections", title: "elections", meaning: "terms that were opened meanwhile" },
    { key: "lateMiB", title: "late MiB", meaning: "the most memory that was resident, of the server that came" },
    {
      key: "leaderDelayMs",
      title: "leader late, ms",
      meaning: "the longest delay of the leader's event loop meanwhile",
    },
  ],
  seconds: 3,
  repeats: 3,
  warmUpSeconds: 0,
  options: [
    { name: "entries", meaning: "how far behind it is", usual: 1_000_000, quick: 100_000 },
    { name: "state-mib", meaning: "how large the state is", usual: 64, quick: 16 },
  ],
  targets: [
    { row: null, column: "entriesPerSecond", rival: null, bound: "at least", value: 150_000 },
    { row: null, column: "p99Ratio", rival: null, bound: "at most", value: 3 },
  ],
  rivals: [],
  rows: () => ROWS,
  open: async (settings) => ({
    repeat: async (turn) => {
      for (const row of ROWS) await measureRow(settings, turn, row);
    },
    close: async () => undefined,
  }),
};

async function measureRow(settings: Settings, turn: Turn, row: Row): Promise<void> {
  const { entries = 1_000_000, "state-mib": stateMiB = 64 } = settings.numbers;
  const tuning = row === FROM_LOG ? NO_SNAPSHOTS : {};
  const cluster = await Cluster.make(settings, { stateMiB, tuning });
  try {
    for (const name of cluster.names) if (name !== LATE) cluster.open(name);
    const leader = await cluster.settled();
    turn.say(`${row.name}: filling the log`);
    await leader.ask({ kind: "load", clients: FILL_CLIENTS, entries });
    // The disk is still busy with what filled the log.
    await pause(Math.min(SETTLE_MS, turn.seconds * 1000));
    const [before] = await inForeground(leader, () => pause(turn.seconds * 1000));
    await turn.measure(row, () => comeBack(cluster, leader, before, (text) => turn.say(text)));
  } finally {
    await cluster.close();
  }
}

async function comeBack(
  cluster: Cluster,
  leader: Server,
  before: LoadFigures,
  say: (text: string) => void,
): Promise<Figures> {
  const { term, commitIndex } = await leader.status();
  let leaderDelayMs = 0;
  const startedAt = performance.now();
  const late = cluster.open(LATE);
  const [meanwhile, seconds] = await inForeground(leader, async () => {
    await cluster.until(() => late.openMs !== null);
    for (;;) {
      const [own, others] = [await late.status(), await leader.status()];
      leaderDelayMs = Math.max(leaderDelayMs, others.loopDelayMs);
      if (own.appliedIndex >= others.commitIndex - CAUGHT_UP_ENTRIES) break;
      say(`${own.appliedIndex} of ${commitIndex} entries`);
      await pause(LOOK_EVERY_MS);
    }
    return (performance.now() - startedAt) / 1000;
  });
  const [ofLeader, ofLate] = [await leader.status(), await late.status()];
  return {
    operations: commitIndex,
    values: {
      seconds,
      entriesPerSecond: commitIndex / seconds,
      p99BeforeMs: before.p99Ms,
      p99MeanwhileMs: meanwhile.p99Ms,
      p99Ratio: meanwhile.p99Ms / before.p99Ms,
      elections: Math.max(ofLeader.term, ofLate.term) - term,
      lateMiB: ofLate.highestRssMiB,
      leaderDelayMs,
    },
  };
}
