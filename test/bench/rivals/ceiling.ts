/**
 * A bare leader and two followers in Node, durable, with no Raft around them: the most that a write path of three
 * processes on LevelDB can reach. It is measured as `pnpm bench embedded` measures ours.
 */

import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { Meter } from "../frame/meter.js";
import { NotCompared, type Rival, type Turn } from "../frame/part.js";
import { anchorsFolder, run, runForJson } from "./anchors.js";

const STORE = "level-packed";
const CLIENTS = [1, 16, 64, 256, 1024];
/** Measured first, and forgotten: ours gets warm in the same way. */
const WARM_UP_CLIENTS = 64;

export const ceiling: Rival = {
  name: STORE,
  summary: "three bare processes, one packed LevelDB value for each group commit, no Raft: the most that Node reaches",
  async open({ directory }) {
    const folder = await mkdtemp(join(directory, "ceiling-"));
    for (const file of ["ceiling.mjs", "package.json"])
      await cp(join(anchorsFolder(), "ceiling", file), join(folder, file));
    try {
      await run("npm", ["install", "--no-audit", "--no-fund", "--silent"], { cwd: folder });
    } catch (error) {
      throw new NotCompared(
        `its packages cannot be installed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    return { repeat: (turn) => repeat(turn, folder, directory), close: async () => undefined };
  },
};

async function repeat(turn: Turn, folder: string, directory: string): Promise<void> {
  const clients = [WARM_UP_CLIENTS, ...CLIENTS].join(",");
  const program = [join(folder, "ceiling.mjs"), STORE, "--json", "--rounds", "1", "--clients", clients];
  const meter = new Meter();
  // Children of a child that is waited for count as ours, so the meter tells what others took, of all cases together.
  const given = [...program, "--seconds", String(turn.seconds)];
  const [, ...lines] = await runForJson(process.execPath, given, { ANCHOR_DIR: directory });
  const { foreignCores } = meter.stop();
  for (const line of lines) {
    const median = (field: string): number => (line[field] as { median: number }).median;
    const count = line["clients"] as number;
    const row = { name: `${count} ${count === 1 ? "client" : "clients"}`, factors: { clients: count } };
    const values = {
      writesPerSecond: median("writesPerSecond"),
      p50Ms: median("p50Ms"),
      p99Ms: median("p99Ms"),
      leaderCores: median("leaderCores"),
    };
    turn.record(row, { values }, { seconds: turn.seconds, ownCpuSeconds: null, foreignCores, watched: null });
  }
}
