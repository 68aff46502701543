/**
 * The language of the scenarios: one command a line, `#` before a comment. A line `---` asks for the state of all
 * servers, which follows up to the next empty line. The commands are listed in `README.md`.
 */

import { Cluster } from "../support/cluster.js";
import type { DiskContent } from "../support/disk.js";
import { logOf } from "../support/entries.js";
import type { Envelope } from "../support/network.js";
import type { SnapshotTransfer } from "../support/server.js";
import { renderState } from "./render.js";
import { Words } from "./words.js";

/** Runs the script in `source` and returns it with every state written anew. */
export function runScript(source: string): string {
  const script = new Script();
  const output: string[] = [];
  let isState = false;
  for (const [place, line] of source.trimEnd().split("\n").entries()) {
    if (line.trim() === "") isState = false;
    if (isState) continue;
    output.push(line);
    isState = line === "---";
    try {
      if (isState) output.push(...script.state());
      else script.perform(new Words(line));
    } catch (error) {
      throw new Error(`line ${place + 1}, ${line}: ${(error as Error).message}`, { cause: error });
    }
  }
  return `${output.join("\n")}\n`;
}

/** What the script says of the cluster before it starts. */
interface Plan {
  readonly size: number;
  readonly seed: number;
  readonly leader: number | undefined;
  readonly allowsQuiet: boolean;
  /** The term of every server that `term` does not name. */
  readonly term: number;
  /** How many entries one append carries at most. */
  readonly split: number;
  readonly disks: Map<number, DiskContent>;
}

class Script {
  #plan: Plan | null = null;
  #cluster: Cluster | null = null;
  /** The answers that an earlier state told of. */
  readonly #told = new Set<object>();
  #shows: string[] = [];

  /** Starts at the first command that needs it. */
  get #started(): Cluster {
    if (this.#cluster === null) {
      const { leader, split, ...options } = this.#planned;
      this.#cluster = new Cluster(options);
      this.#cluster.maxEntriesPerAppend = split;
      if (leader !== undefined) elect(this.#cluster, leader);
    }
    return this.#cluster;
  }

  get #planned(): Plan {
    if (this.#plan === null) throw new Error("no cluster yet");
    return this.#plan;
  }

  state(): string[] {
    const lines = renderState(this.#started, this.#shows, this.#told);
    this.#shows = [];
    return lines;
  }

  perform(words: Words): void {
    switch (words.name) {
      case "":
        return;
      case "cluster":
        this.#plan = {
          size: words.number(),
          seed: words.option("seed") ?? 0,
          leader: words.option("leader"),
          allowsQuiet: words.option("quiet") === 1,
          term: words.option("term") ?? 1,
          split: words.option("split") ?? Number.POSITIVE_INFINITY,
          disks: new Map(),
        };
        return;
      case "log":
        return this.#setLog(words.number(), words.runs());
      case "term":
        return this.#setTerm(words.number(), words.number(), words.option("vote") ?? 0);
      case "show":
        this.#shows.push(words.word());
        return;
    }
    const command = COMMANDS[words.name];
    if (command === undefined) throw new Error(`there is no command ${words.name}`);
    command(this.#started, words);
    words.end();
  }

  #setLog(id: number, terms: readonly number[]): void {
    const { size, term, disks } = this.#planned;
    const currentTerm = Math.max(term, terms[terms.length - 1] ?? 0);
    disks.set(id, { entries: logOf(terms, size), hardState: { currentTerm, votedFor: 0 } });
  }

  #setTerm(id: number, currentTerm: number, votedFor: number): void {
    const { size, disks } = this.#planned;
    const { entries = logOf([1], size) } = disks.get(id) ?? {};
    disks.set(id, { entries, hardState: { currentTerm, votedFor } });
  }
}

function elect(cluster: Cluster, id: number): void {
  cluster.campaign(id);
  cluster.settle();
}

/** Messages on their way, oldest first; `first=1` means the oldest alone. */
function selected({ network }: Cluster, words: Words): Envelope[] {
  return network.select(words.selection()).slice(0, words.option("first"));
}

function snapshotIn({ message }: Envelope): SnapshotTransfer {
  if (message.kind !== "snapshot") throw new Error(`a ${message.kind} is no snapshot`);
  return message;
}

const COMMANDS: Readonly<Record<string, (cluster: Cluster, words: Words) => void>> = {
  run: (cluster, words) => cluster.run(words.milliseconds()),
  settle: (cluster) => cluster.settle(),
  campaign: (cluster, words) => cluster.campaign(words.number()),
  elect: (cluster, words) => elect(cluster, words.number()),
  propose: (cluster, words) => cluster.propose(words.number(), ...words.texts()),
  change: (cluster, words) => cluster.changeMembers(words.number(), words.members(), words.option("version")),
  transfer: (cluster, words) => cluster.transfer(words.number(), words.idOrAny()),
  compact: (cluster, words) => {
    const keep = words.option("keep") ?? 0;
    for (const id of words.numbers()) cluster.compact(id, keep);
  },
  "save snapshot": (cluster, words) => {
    for (const envelope of selected(cluster, words)) cluster.save(snapshotIn(envelope));
  },
  read: (cluster, words) => cluster.read(words.number(), words.word()),
  crash: (cluster, words) => {
    const completing = words.option("writes") ?? 0;
    for (const id of words.numbers()) cluster.crash(id, completing);
  },
  lost: (cluster, words) => cluster.tellLoss(words.number()),
  restart: (cluster, words) => {
    for (const id of words.numbers()) cluster.restart(id);
  },

  partition: (cluster, words) => cluster.partition(words.numbers()),
  cut: (cluster, words) => {
    for (const [from, to] of words.links()) cluster.network.cut(from, to);
  },
  heal: (cluster) => cluster.network.heal(),

  hold: (cluster, words) => cluster.network.hold(words.selection()),
  release: (cluster) => cluster.network.release(cluster.now),
  deliver: (cluster, words) => {
    for (const envelope of selected(cluster, words)) cluster.deliver(envelope);
  },
  copy: (cluster, words) => {
    for (const { message } of selected(cluster, words)) cluster.receive(message);
  },
  drop: (cluster, words) => {
    for (const envelope of selected(cluster, words)) cluster.network.remove(envelope);
  },

  "hold writes": (cluster, words) => cluster.holdingWrites.add(words.number()),
  "finish writes": (cluster, words) => cluster.persist(words.number(), words.option("first")),
  "release writes": (cluster, words) => {
    const id = words.number();
    cluster.holdingWrites.delete(id);
    cluster.persist(id);
  },
};
