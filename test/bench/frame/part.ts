/**
 * What a part of `pnpm bench` is: a table whose rows are cases and whose columns are figures, filled by contenders that
 * take turns: Quorate always, and with `--compare` its rivals.
 */

import type { Usage, Watched } from "./meter.js";

/** How the command was called. */
export interface Settings {
  /** How long each case is measured in each repeat. */
  readonly seconds: number;
  readonly repeats: number;
  /** For a short look: fewer and smaller cases. */
  readonly isQuick: boolean;
  /** The part's own options, by their names. */
  readonly numbers: Readonly<Record<string, number>>;
  /** Where servers keep their data: a folder on the disk that is to be measured, and there alone for this run. */
  readonly directory: string;
  /** Where programs under measurement leave their CPU profiles, or null if none are wanted. */
  readonly profiles: string | null;
}

export interface Row {
  /** Tells rows apart within a part, and finds the same row of a rival. */
  readonly name: string;
  /** What makes this row what it is, for plots: `{ clients: 64 }`. */
  readonly factors: Readonly<Record<string, number>>;
}

/**
 * A column. The frame fills some by itself: `perCpuSecond`, operations in a CPU second of what is measured, and for each
 * group of processes that {@link Turn.measure} is told of, as `leader`, its share of a core, as `leaderCores`.
 */
export interface Column {
  readonly key: string;
  /** With its unit. */
  readonly title: string;
  /** In a sentence, for whoever reads the table. */
  readonly meaning: string;
}

/** What one measurement found. */
export interface Figures {
  /** How many operations were done, if there is something that counts as one. */
  readonly operations?: number;
  /** By the keys of columns. */
  readonly values: Readonly<Record<string, number>>;
}

/** One repeat of one contender. */
export interface Turn {
  /** How long to measure each case: shorter while warming up. */
  readonly seconds: number;
  /** How many repeats came before. */
  readonly repeat: number;
  /** What is found in this turn is thrown away. */
  readonly isWarmUp: boolean;
  /**
   * Measures a case under the machine meter. What counts as its CPU time is that of `watched`, if there are any; else
   * that of this process and all that it started.
   */
  measure(row: Row, deed: () => Promise<Figures> | Figures, watched?: Watched): Promise<Figures>;
  /** Takes down what was measured elsewhere. */
  record(row: Row, figures: Figures, usage: Usage): void;
  /** Says what is going on, to whoever watches. */
  say(text: string): void;
}

/** A contender at work: all that it takes to measure again and again. */
export interface Run {
  /** Measures each row once. */
  repeat(turn: Turn): Promise<void>;
  close(): Promise<void>;
}

/** What another implementation reaches, measured in turn with ours. */
export interface Rival {
  /** Without spaces: `etcd-raft-core`. */
  readonly name: string;
  /** What it is and how it is measured, in a sentence. */
  readonly summary: string;
  /** Throws {@link NotCompared} if it cannot be run here. */
  open(settings: Settings, say: (text: string) => void): Promise<Run>;
}

/** Why a rival is not compared with: its message is for the reader. */
export class NotCompared extends Error {}

/** What is aimed at: of a single row, or of every row that has the column. */
export interface Target {
  readonly row: string | null;
  readonly column: string;
  /** Then the target is a ratio, ours to theirs. */
  readonly rival: string | null;
  readonly bound: "at least" | "at most";
  readonly value: number;
}

export interface PartOption {
  /** Of the command line, without dashes: `entries`. */
  readonly name: string;
  readonly meaning: string;
  readonly usual: number;
  /** For a short look. */
  readonly quick: number;
}

/** A row, and the median of each column over the repeats that count. */
export interface Found extends Row {
  readonly medians: Readonly<Record<string, number>>;
}

export interface Part {
  readonly name: string;
  /** In a line, for the list of parts. */
  readonly summary: string;
  readonly columns: readonly Column[];
  /** Unless the command line says otherwise. */
  readonly seconds: number;
  readonly repeats: number;
  /** How long each case runs before anything counts; 0 if nothing has to get warm. */
  readonly warmUpSeconds: number;
  readonly options: readonly PartOption[];
  readonly targets: readonly Target[];
  readonly rivals: readonly Rival[];
  rows(settings: Settings): readonly Row[];
  /** What all rows together say, a sentence each. */
  conclude?(found: readonly Found[]): readonly string[];
  open(settings: Settings, say: (text: string) => void): Promise<Run>;
}
