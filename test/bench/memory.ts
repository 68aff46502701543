/** Whether the memory of a server grows with its log: three processes on LevelDB, and a long row of entries. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import type { Notice, Order, ServerTask } from "./memory-server.js";

const NAMES = ["n1", "n2", "n3"];

export interface MemoryFigures {
  readonly name: string;
  readonly isLeader: boolean;
  /** Resident set in MiB, by entries applied. */
  readonly samples: readonly { readonly entries: number; readonly rssMiB: number }[];
  /** After the first fifth, while caches fill: by how much the samples differ from their median, at most, in percent. */
  readonly spreadPercent: number;
}

/** Sends `order` through a cluster of three, and calls `onProgress` with the entries that the slowest has applied. */
export async function measureMemory(order: Order, onProgress: (entries: number) => void): Promise<MemoryFigures[]> {
  const directory = await mkdtemp(join(tmpdir(), "quorate-bench-"));
  const members: Record<string, string> = {};
  for (const name of NAMES) members[name] = `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`;
  const servers = NAMES.map((name) => startServer({ id: name, members, directory: join(directory, name) }));
  const samples = new Map<string, { entries: number; rssMiB: number }[]>(NAMES.map((name) => [name, []]));
  try {
    const { leader, done } = watch(servers, samples, order, onProgress);
    const leaderName = NAMES[servers.indexOf(await leader)];
    await done;
    return NAMES.map((name) => figures(name, name === leaderName, samples.get(name) ?? []));
  } finally {
    for (const server of servers) if (server.connected) server.send("close");
    await Promise.all(servers.map((server) => (server.exitCode === null ? once(server, "exit") : undefined)));
    await rm(directory, { recursive: true, force: true });
  }
}

function startServer(task: ServerTask): ChildProcess {
  return fork(fileURLToPath(new URL("./memory-server.ts", import.meta.url)), [JSON.stringify(task)]);
}

/** Gives the order to the first leader there is; `done` resolves when every server has applied all of it. */
function watch(
  servers: readonly ChildProcess[],
  samples: ReadonlyMap<string, { entries: number; rssMiB: number }[]>,
  order: Order,
  onProgress: (entries: number) => void,
): { readonly leader: Promise<ChildProcess>; readonly done: Promise<void> } {
  let onLeader: (server: ChildProcess) => void = () => undefined;
  const leader = new Promise<ChildProcess>((resolve) => {
    onLeader = resolve;
  });
  let isOrdered = false;
  const done = new Promise<void>((resolve, reject) => {
    for (const [place, server] of servers.entries()) {
      const own = samples.get(NAMES[place] as string) ?? [];
      server.on("message", (notice: Notice) => {
        if (notice.kind === "role" && notice.role === "leader" && !isOrdered) {
          isOrdered = true;
          server.send(order);
          onLeader(server);
        } else if (notice.kind === "applied") {
          own.push({ entries: notice.entries, rssMiB: notice.rssBytes / 2 ** 20 });
          const slowest = Math.min(...[...samples.values()].map((all) => all[all.length - 1]?.entries ?? 0));
          onProgress(slowest);
          if (slowest >= order.entries) resolve();
        }
      });
      server.once("exit", (code) => reject(new Error(`${NAMES[place]} ended with ${code}`)));
    }
  });
  return { leader, done };
}

function figures(
  name: string,
  isLeader: boolean,
  samples: readonly { readonly entries: number; readonly rssMiB: number }[],
): MemoryFigures {
  const settled = samples.slice(Math.floor(samples.length / 5)).map(({ rssMiB }) => rssMiB);
  const median = settled.toSorted((left, right) => left - right)[Math.floor(settled.length / 2)] ?? 0;
  const farthest = Math.max(...settled.map((value) => Math.abs(value - median)));
  return { name, isLeader, samples, spreadPercent: (100 * farthest) / median };
}
