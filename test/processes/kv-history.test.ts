/**
 * What clients of the key-value store do and see while `kill -9` takes one server after the other, judged by the checker of
 * histories. Each write answers with the version that it made: a write that is executed twice leaves a version that
 * nobody made, and a lost one leaves one that two made.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, type HistoryEvent, type HistoryOperation, illegal, type Model } from "@quorate/linearizability";
import getPort from "get-port";
import { KvClient, KvError, type SpawnedServer, spawnServer } from "quorate-kv";
import { afterEach, expect, it } from "vitest";

const NAMES = ["n1", "n2", "n3"] as const;
const CLIENTS = 6;
const KEYS = ["a", "b"];

/** A key, as it is stored. */
interface Stored {
  readonly version: number;
  readonly value: string | null;
}

/** `write` v → version; `cas` [version, v] → whether it was that version; `read` → the key. */
const versioned: Model<Stored, HistoryOperation> = {
  name: "versioned",
  init: () => ({ version: 0, value: null }),
  step(state, { f, input, output }) {
    if (f === "read") return JSON.stringify(output) === JSON.stringify(state) ? state : illegal;
    if (f === "write") {
      const version = state.version + 1;
      return output === undefined || output === version ? { version, value: String(input) } : illegal;
    }
    const [expected, value] = input as [number, string];
    const succeeds = state.version === expected;
    if (output !== undefined && output !== succeeds) return illegal;
    return succeeds ? { version: expected + 1, value } : state;
  },
  partition: ({ key }) => key ?? "",
  isRead: ({ f }) => f === "read",
};

let directory = "";
let members: Record<string, string>;
let http: Record<string, string>;
const servers = new Map<string, SpawnedServer>();

async function startAll(): Promise<void> {
  directory = await mkdtemp(join(tmpdir(), "quorate-history-"));
  const addresses = async () =>
    Object.fromEntries(
      await Promise.all(NAMES.map(async (name) => [name, `127.0.0.1:${await getPort({ host: "127.0.0.1" })}`])),
    );
  [members, http] = [await addresses(), await addresses()];
  await Promise.all(NAMES.map(start));
}

afterEach(async () => {
  await Promise.all([...servers.values()].map((server) => server.stop("SIGTERM")));
  servers.clear();
  if (directory !== "") await rm(directory, { recursive: true });
  directory = "";
});

async function start(id: string): Promise<void> {
  servers.set(id, await spawnServer({ id, directory: join(directory, id), members, http: http[id] ?? "" }));
}

/** What all clients do, one line after the other. */
class Recorder {
  readonly history: HistoryEvent[] = [];
  isDone = false;
  answered = 0;
  readonly #waiting: { readonly answered: number; readonly resolve: () => void }[] = [];

  /** Resolves when so many more operations are answered. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ answered: this.answered + count, resolve }));
  }

  /** Records one operation. Whoever does not know what became of it goes on under another name. */
  async run(operation: Pick<HistoryEvent, "process" | "f" | "key" | "value">, act: () => Promise<unknown>) {
    this.history.push({ ...operation, type: "invoke" });
    const { value: _, ...same } = operation;
    try {
      const value = await act();
      this.history.push({ ...same, type: "ok", value });
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.history.push({ ...same, type: error.outcome === "unknown" ? "info" : "fail" });
      return false;
    }
    this.answered += 1;
    for (const { answered, resolve } of this.#waiting) if (answered === this.answered) resolve();
    return true;
  }
}

async function work(recorder: Recorder, client: number, scheme: "http" | "kv"): Promise<void> {
  const urls = NAMES.map((_, at) => `${scheme}://${http[NAMES[(at + client) % NAMES.length] ?? "n1"]}`);
  const kv = new KvClient({ servers: urls, timeoutMs: 20_000 });
  let [name, version] = [0, 0];
  for (let turn = 0; !recorder.isDone; turn += 1) {
    const key = KEYS[(client + turn) % KEYS.length] ?? "a";
    const value = `${client}/${turn}`;
    const by = { process: `${client}.${name}`, key };
    const isKnown =
      turn % 3 === 0
        ? await recorder.run({ ...by, f: "read" }, async (): Promise<Stored> => {
            const entry = await kv.get(key);
            version = entry?.version ?? 0;
            return { version, value: entry === null ? null : Buffer.from(entry.value).toString() };
          })
        : turn % 3 === 1
          ? await recorder.run({ ...by, f: "write", value }, async () => (await kv.put(key, value)).version)
          : await recorder.run({ ...by, f: "cas", value: [version, value] }, async () => {
              const compare = [{ key, version }];
              return (await kv.txn({ compare, success: [{ type: "put", key, value }] })).succeeded;
            });
    if (!isKnown) name += 1;
  }
  await kv.close();
}

const PROPERTY =
  "K1: is linearizable over %s, with every write executed once, and none of them in doubt, whoever is killed";

it.each(["http", "kv"] as const)(PROPERTY, async (scheme) => {
  await startAll();
  const recorder = new Recorder();
  const working = Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(recorder, client, scheme)));
  const more = (count: number) => Promise.race([recorder.more(count), working]);
  await more(100);
  for (const name of NAMES) {
    await servers.get(name)?.stop("SIGKILL");
    await more(100);
    await start(name);
    await more(50);
  }
  recorder.isDone = true;
  await working;
  const { verdict } = check(recorder.history, versioned, { timeLimitMs: 30_000 });
  expect(verdict).toBe("linearizable");
  expect(recorder.history.filter(({ type }) => type === "info" || type === "fail")).toEqual([]);
});

it("K1: a write that is executed twice does not pass", () => {
  const history: HistoryEvent[] = [
    { process: 1, type: "invoke", f: "write", key: "a", value: "once" },
    { process: 1, type: "ok", f: "write", key: "a", value: 1 },
    { process: 1, type: "invoke", f: "read", key: "a" },
    { process: 1, type: "ok", f: "read", key: "a", value: { version: 2, value: "once" } },
  ];
  expect(check(history, versioned).verdict).toBe("not-linearizable");
});
