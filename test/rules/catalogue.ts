/** All ids that a test may be named after, and what stands in a test's place where there is none. */

export interface Chapter {
  readonly letter: string;
  readonly title: string;
  /** From 1 on. */
  readonly rules: number;
}

/** Known ways to get Raft wrong, by chapter. */
export const CHAPTERS: readonly Chapter[] = [
  { letter: "E", title: "elections", rules: 30 },
  { letter: "R", title: "replication", rules: 26 },
  { letter: "C", title: "commit and apply", rules: 13 },
  { letter: "M", title: "membership", rules: 29 },
  { letter: "S", title: "snapshots and compaction", rules: 23 },
  { letter: "Q", title: "reads", rules: 11 },
  { letter: "L", title: "leases and clocks", rules: 12 },
  { letter: "T", title: "leadership transfer", rules: 7 },
  { letter: "P", title: "persistence and disks", rules: 19 },
  { letter: "K", title: "clients", rules: 15 },
  { letter: "F", title: "runtime and flow control", rules: 19 },
  { letter: "O", title: "operations", rules: 14 },
];

/** Why a rule has neither a test nor a bug in the museum. */
export const WITHOUT_TEST: Readonly<Record<string, string>> = {
  E11: "there is nothing to mix: pre-vote, check-quorum and stickiness have no switches",
  P15: "no log may go back, and there is no switch that lets it",
  K10: "there are no locks; what a fencing token would be, each write gets: its revision",
  O5: "not yet: recovery after the loss of a majority is a tool of its own",
};

/** What others test their Rafts with, and how far the numbers go. */
export const SUITES: readonly { readonly title: string; readonly ids: readonly string[] }[] = [
  {
    title: "MIT 6.5840, the Raft and key-value labs",
    ids: [...range("M-A", 3), ...range("M-B", 10), ...range("M-C", 8), ...range("M-D", 7), ...range("M-K", 15)],
  },
  { title: "Jepsen, etcd", ids: [...range("J-W", 8), ...range("J-N", 8), ...range("J-X", 3)] },
  { title: "Jepsen, Redis-Raft", ids: ["R-W1", ...range("R-N", 4), "R-X1"] },
  { title: "etcd, robustness tests", ids: ["E-T1", ...range("E-F", 5), ...range("E-V", 6)] },
];

const CORES = "the world of cores";
const SERVERS = "the world of servers";

/** Which world of the simulator has what a scenario consists of, where no test is named after it. */
export const SIMULATED: Readonly<Record<string, string>> = {
  "M-C7": `${SERVERS}: clients, cuts, crashes, restarts; honest outcomes and linearizability`,
  "M-C8": `${SERVERS}: the same with loss, duplicates and limbo`,
  "M-D5": `${CORES}: crashes, loss, and snapshots that are lost in parts`,
  "M-K1": `${SERVERS}: appends, one by one and at once; all state machines apply the same`,
  "M-K2": `${SERVERS}: isolated leader; exactly once`,
  "M-K3": `${SERVERS}: isolated leader; every promise settles, and what is said not to be executed never is`,
  "M-K6": `${SERVERS}: snapshots and restarts of all`,
  "M-K7": `${SERVERS}: up to six clients; linearizability`,
  "M-K9": `${SERVERS}: halves; outcomes, and progress afterwards`,
  "M-K10": `${SERVERS}: halves, bridges, chains, swizzled links under load`,
  "M-K11": `${SERVERS}: restart storms, alone and with loss and cuts`,
  "M-K12": `${SERVERS}: everything at once, by chance`,
  "M-K13": `${CORES}: snapshots with few entries kept; at the end any majority must get on`,
  "M-K15": `${SERVERS}: snapshots with restarts, loss and cuts`,
  "J-W1": `${SERVERS}: puts, appends and reads by key; linearizability`,
  "J-W3": `${SERVERS}: appends to lists, each read as a whole, which says more than single values`,
  "J-N1": `${SERVERS}: pause, event-loop stall`,
  "J-N3": `${SERVERS}: isolated leader, halves, bridge, chain`,
  "J-N4": `${SERVERS}: drift, jumps, suspended machines`,
  "J-N6": `${SERVERS}: snapshots and compaction under load`,
  "J-X2": "the museum: `unsynced-batches`",
  "J-X3": `${SERVERS}: no server stops, and every error has a code`,
  "R-W1": `${SERVERS}: as J-W3`,
  "R-N1": `${SERVERS}: as J-N1, J-N3, J-N4`,
  "R-N2": `${SERVERS} and ${CORES}: members come and go, down to one; ids are given once`,
  "R-X1": `${SERVERS}: followers pass on what they are asked`,
  "E-T1": `${SERVERS}: several mixes of load, sizes and timeouts, drawn by each seed`,
  "E-F1": `${SERVERS}: crashes in writes, and between a snapshot and the log; the storage's own tests crash at each write`,
  "E-F2": `${SERVERS}: slow disk, slow apply, late answers, stalled reads`,
  "E-F5": `${SERVERS} and that of storage: writes without a sync are lost`,
  "E-V1": `${SERVERS}: as J-W1`,
  "E-V2": `${SERVERS}: stale reads, each within its bound`,
};

/** What is not tested as others do, and why. */
export const NOT_TESTED: Readonly<Record<string, string>> = {
  "M-K8": "how fast it is, `pnpm bench` measures",
  "M-K14": "how large a snapshot is, is the state machine's matter",
  "J-W2": "no client of the simulator adds by read and compare; the checker has a model for sets",
  "J-W4": "no client of the simulator makes transactions; the key-value store tests its own",
  "J-W6": "there are no locks",
  "J-W7": "there are no locks",
  "J-W8": "there are no locks",
  "E-V5": "watches do not tell the value before",
};

function range(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, place) => `${prefix}${place + 1}`);
}
