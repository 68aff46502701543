/**
 * Makes a failing run short: leaves out as much of it as can be left out while the same rule still breaks.
 *
 * This is delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): large
 * pieces first, then ever smaller ones, until no single one can go. Pieces are tried from the end to the beginning,
 * because what happens before a piece stays as it was without it.
 *
 * The result depends on the run alone, unless the budget ends first.
 */

import type { RunReport, Script } from "./run.js";

export interface MinimizeOptions {
  /** Runs a script; null if that did not come to an end, whatever the reason. */
  readonly replay: (script: Script, isTraced: boolean) => Promise<RunReport | null>;
  /** How long to go on trying, in milliseconds of `now`. Default: one minute. */
  readonly budgetMs?: number;
  /** How often to run at most. Default: no limit. */
  readonly maxReplays?: number;
  /** A clock, such as `performance.now`: the simulator has none. */
  readonly now: () => number;
  /** How many runs to ask for at once. More than one helps only if `replay` has several processes. Default: 1. */
  readonly concurrency?: number;
  readonly onProgress?: (progress: MinimizeProgress) => void;
}

export interface MinimizeProgress {
  readonly replays: number;
  /** Events of the shortest run so far. */
  readonly events: number;
}

export interface Minimized {
  /** The shortest failing run, traced. The run that was given if it does not replay. */
  readonly report: RunReport;
  /** The run that was given, traced. */
  readonly raw: RunReport;
  readonly replays: number;
  /** False if the same script did not break the same rule again: something in the run is not deterministic. */
  readonly isReproduced: boolean;
  /** Whether no single piece can be left out; false if the budget ended first. */
  readonly isMinimal: boolean;
}

/** Shortens the run of a report with a violation; throws a `RangeError` without one. */
export async function minimize(report: RunReport, options: MinimizeOptions): Promise<Minimized> {
  return new Minimizer(report, options).run();
}

/** What can be left out, in order, and how a run without some of it is written. */
interface Pieces {
  readonly list: readonly string[];
  /** The run that has `kept` of the list. */
  script(kept: readonly string[]): Script;
  /** The same after a run without some of the list turned out to fail. */
  after(report: RunReport, kept: readonly string[]): Pieces;
}

class Minimizer {
  readonly #options: MinimizeOptions;
  readonly #property: string;
  readonly #now: () => number;
  readonly #startMs: number;
  #raw: RunReport;
  #best: RunReport;
  #replays = 0;

  constructor(report: RunReport, options: MinimizeOptions) {
    if (report.violation === null) throw new RangeError(`Nothing broke with seed ${report.script.seed}`);
    this.#options = options;
    this.#property = report.violation.property;
    this.#now = options.now;
    this.#startMs = this.#now();
    this.#raw = report;
    this.#best = report;
  }

  async run(): Promise<Minimized> {
    const isReproduced = await this.#trace();
    let isMinimal = false;
    if (isReproduced) isMinimal = this.#raw.script.world === "servers" ? await this.#units() : await this.#actions();
    return { report: this.#best, raw: this.#raw, replays: this.#replays, isReproduced, isMinimal };
  }

  /** Runs the whole of it once more, to have its trace. */
  async #trace(): Promise<boolean> {
    this.#replays += 1;
    const traced = await this.#options.replay(this.#raw.script, true);
    if (traced === null || !this.#isSame(traced)) return false;
    this.#raw = traced;
    this.#best = traced;
    return true;
  }

  #isSame(report: RunReport): boolean {
    return report.violation?.property === this.#property;
  }

  /** In the world of cores: the list of actions gets shorter. It ends with the violation already. */
  async #actions(): Promise<boolean> {
    return this.#shorten(actionsOf(this.#best));
  }

  /** In the world of servers: units are left out, whole kinds of them first, until none is left that can be. */
  async #units(): Promise<boolean> {
    await this.#groups();
    for (;;) {
      const before = this.#best.script.without.length;
      let isMinimal = true;
      for (const family of familiesOf(unitsOf(this.#best))) {
        const inOrder = await this.#shorten(new Units(this.#best, family));
        const left = new Set(unitsOf(this.#best));
        const byLink = family.filter((unit) => left.has(unit)).sort(byPlace);
        isMinimal = inOrder && (await this.#shorten(new Units(this.#best, byLink))) && isMinimal;
      }
      if (!isMinimal || this.#best.script.without.length === before) return isMinimal;
    }
  }

  /** Whole groups: all crashes, all requests of a client, all that one server sends to another. */
  async #groups(): Promise<void> {
    for (const nameOf of [familyOf, placeOf]) {
      const names = new Set(unitsOf(this.#best).map(nameOf));
      for (const name of names) await this.#drop((unit) => nameOf(unit) === name);
    }
    const kinds = kindsOf(this.#best);
    for (const kind of new Set(kinds.values())) await this.#drop((unit) => kinds.get(unit) === kind);
  }

  async #drop(isOfGroup: (unit: string) => boolean): Promise<void> {
    if (this.#isOver()) return;
    const units = unitsOf(this.#best);
    const kept = units.filter((unit) => !isOfGroup(unit));
    if (kept.length < units.length) await this.#keepIfFails(new Units(this.#best, units).script(kept));
  }

  // --- delta debugging ---

  /** True if no single piece of what is left can go. */
  async #shorten(pieces: Pieces): Promise<boolean> {
    let left = pieces;
    for (let size = Math.ceil(left.list.length / 2); size > 0; ) {
      const before = left.list.length;
      left = await this.#sweep(left, size);
      if (this.#isOver()) return left.list.length === 0;
      if (size > 1) size = Math.min(Math.ceil(size / 2), Math.ceil(left.list.length / 2));
      else if (left.list.length === before) return true;
    }
    return true;
  }

  /** Tries to do without each run of `size` pieces, the last first. */
  async #sweep(pieces: Pieces, size: number): Promise<Pieces> {
    const { concurrency = 1 } = this.#options;
    let left = pieces;
    for (let end = left.list.length; end > 0 && !this.#isOver(); ) {
      const ends = Array.from({ length: concurrency }, (_, place) => end - place * size).filter((each) => each > 0);
      const candidates = ends.map((each) => left.list.toSpliced(Math.max(0, each - size), Math.min(size, each)));
      const found = await this.#firstThatFails(candidates.map((kept) => left.script(kept)));
      end = Math.max(0, (ends[found ?? ends.length - 1] as number) - size);
      if (found !== null) left = left.after(this.#best, candidates[found] as readonly string[]);
      end = Math.min(end, left.list.length);
    }
    return left;
  }

  /** The place of the first script that still fails, which becomes the best; the others are forgotten. */
  async #firstThatFails(scripts: readonly Script[]): Promise<number | null> {
    if (scripts.length === 1) return (await this.#keepIfFails(scripts[0] as Script)) ? 0 : null;
    const areFailing = await Promise.all(scripts.map((script) => this.#fails(script, false)));
    for (const [place, report] of areFailing.entries()) {
      if (report !== null && (await this.#keepIfFails(scripts[place] as Script))) return place;
    }
    return null;
  }

  async #keepIfFails(script: Script): Promise<boolean> {
    const report = await this.#fails(script, true);
    if (report === null) return false;
    this.#best = report;
    this.#options.onProgress?.({ replays: this.#replays, events: report.events });
    return true;
  }

  /** The report, if the same rule breaks and the run is no longer than the best. */
  async #fails(script: Script, isTraced: boolean): Promise<RunReport | null> {
    this.#replays += 1;
    const report = await this.#options.replay(script, isTraced);
    if (report === null || !this.#isSame(report)) return null;
    // Less may happen because of a message, and more without it. (How long nothing goes on is no measure of a run.)
    return report.events > this.#best.events && this.#property !== "Progress" ? null : report;
  }

  #isOver(): boolean {
    const { budgetMs = 60_000, maxReplays = Number.POSITIVE_INFINITY } = this.#options;
    return this.#replays >= maxReplays || this.#now() - this.#startMs >= budgetMs;
  }
}

/** What was left out may make other actions impossible; those were skipped, and are not in the report's list. */
function actionsOf(report: RunReport): Pieces {
  return {
    list: report.script.actions ?? [],
    script: (kept) => ({ ...report.script, actions: kept }),
    after: (next) => actionsOf(next),
  };
}

class Units implements Pieces {
  readonly list: readonly string[];
  readonly #script: Script;

  constructor(report: RunReport, list: readonly string[]) {
    this.#script = report.script;
    this.list = list;
  }

  script(kept: readonly string[]): Script {
    const isKept = new Set(kept);
    return { ...this.#script, without: [...this.#script.without, ...this.list.filter((unit) => !isKept.has(unit))] };
  }

  after(report: RunReport, kept: readonly string[]): Pieces {
    const left = new Set(unitsOf(report));
    return new Units(
      report,
      kept.filter((unit) => left.has(unit)),
    );
  }
}

/** What happened and could have been left out, in order. */
function unitsOf({ trace, script }: RunReport): readonly string[] {
  const units = new Set((trace ?? []).flatMap(({ unit }) => (unit === null ? [] : [unit])));
  for (const unit of script.without) units.delete(unit);
  return [...units];
}

/** What kind of event each unit is: that of the first of its events. */
function kindsOf({ trace }: RunReport): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const { unit, kind } of trace ?? []) {
    if (unit !== null && !kinds.has(unit)) kinds.set(unit, kind);
  }
  return kinds;
}

/** Faults, requests, messages: `f3` is of the family `f`. */
function familyOf(unit: string): string {
  return /^[a-z]*/.exec(unit)?.[0] ?? "";
}

/** `m1>2#14` belongs to `m1>2`. */
function placeOf(unit: string): string {
  return unit.slice(0, unit.search(/[#-]|$/));
}

function byPlace(left: string, right: string): number {
  return placeOf(left) < placeOf(right) ? -1 : placeOf(left) > placeOf(right) ? 1 : 0;
}

/** Small families first: few faults explain more than many messages. */
function familiesOf(units: readonly string[]): readonly (readonly string[])[] {
  const families = new Map<string, string[]>();
  for (const unit of units) families.set(familyOf(unit), [...(families.get(familyOf(unit)) ?? []), unit]);
  return [...families.values()].sort((left, right) => left.length - right.length);
}
