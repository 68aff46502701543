/** `pnpm bench embedded`: what a service sees that runs inside the leader: the whole runtime, durable, on three processes. */

import type { Figures, Part, Row, Settings, Turn } from "../frame/part.js";
import { ceiling } from "../rivals/ceiling.js";
import { hashicorpRaft } from "../rivals/hashicorp-raft.js";
import { Cluster } from "../servers/cluster.js";

const ROWS: readonly Row[] = [1, 16, 64, 256, 1024].map((clients) => ({
  name: `${clients} ${clients === 1 ? "client" : "clients"}`,
  factors: { clients },
}));
/** Before the first case, in each new cluster, for as long as a case takes: as the rival gets warm. */
const WARM_UP_CLIENTS = 64;

const AT_LEAST = { rival: "level-packed", column: "writesPerSecond", bound: "at least", value: 0.6 } as const;

export const embedded: Part = {
  name: "embedded",
  summary:
    "proposals of 256 bytes made inside the leader of three processes on LevelDB, answers from the state machine",
  columns: [
    { key: "writesPerSecond", title: "writes/s", meaning: "proposals answered; each client waits before its next" },
    { key: "p50Ms", title: "p50, ms", meaning: "from proposing to the answer, the median" },
    { key: "p99Ms", title: "p99, ms", meaning: "and the 99th percentile" },
    { key: "perCpuSecond", title: "writes/CPU s", meaning: "in a second of CPU time, of all three and of the load" },
    { key: "leaderCores", title: "leader, cores", meaning: "what the leader took, the load in it included" },
    { key: "followersCores", title: "followers, cores", meaning: "what the two followers took together" },
  ],
  seconds: 2,
  repeats: 5,
  warmUpSeconds: 0,
  options: [],
  targets: [
    { ...AT_LEAST, row: "64 clients" },
    { ...AT_LEAST, row: "256 clients" },
    { ...AT_LEAST, row: "1024 clients" },
    { row: "1 client", column: "p50Ms", rival: "level-packed", bound: "at most", value: 1.4 },
  ],
  rivals: [ceiling, hashicorpRaft],
  rows: () => ROWS,
  open: async (settings) => ({ repeat: (turn) => repeat(settings, turn), close: async () => undefined }),
};

/** A new cluster each time: so repeats know nothing of each other. */
async function repeat(settings: Settings, turn: Turn): Promise<void> {
  const cluster = await Cluster.start(settings);
  try {
    const { leader } = cluster;
    await leader.ask({ kind: "load", clients: WARM_UP_CLIENTS, seconds: turn.seconds });
    for (const row of ROWS) {
      const clients = row.factors["clients"] ?? 1;
      const load = async (): Promise<Figures> => {
        const { operations, seconds, p50Ms, p99Ms } = await leader.ask({
          kind: "load",
          clients,
          seconds: turn.seconds,
        });
        return { operations, values: { writesPerSecond: operations / seconds, p50Ms, p99Ms } };
      };
      await turn.measure(row, load, cluster.watched);
    }
  } finally {
    await cluster.close();
  }
}
