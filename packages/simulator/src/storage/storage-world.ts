/**
 * The world of storage: the production log storage on a simulated disk, and a plain list beside it that it must agree
 * with, whatever is asked of it in whatever order, and wherever the power fails.
 */

import { type LogStorage, StorageError, type StoredState } from "@quorate/contracts";
import { type Entry, encodeConfiguration, foundingConfiguration, NOBODY, Random, type Write } from "@quorate/core";
import { Digest } from "../digest.js";
import { entryKey, openLogStorage, SimulatedDisk } from "../disk/index.js";
import type { Violation } from "../ledger/index.js";
import type { RunReport, Script, Settle } from "../run.js";
import { Tally } from "../tally.js";
import { Trace } from "../trace.js";
import { describeChange, describeEntry, describeStored, LogModel } from "./log-model.js";
import { DEEDS, type Deed, drawStorageParameters, type StorageParameters } from "./storage-parameters.js";
import { WriteMaker } from "./write-maker.js";

const FAULTS = ["crash", "failed write", "failed fsync", "full disk", "bit flip"] as const;

const SITUATIONS = [
  "entries were truncated",
  "the log began anew",
  "the log was compacted",
  "a read needed several pages",
  "a read met a write under way",
  "a crash lost a write",
  "a crash kept a write that nobody had heard of",
  "damage was reported",
] as const;

const IDENTITY = { clusterId: "simulated", nodeId: 1, name: "n1" };
const FIRST = { index: 1, term: 1, kind: "membership", data: encodeConfiguration(foundingConfiguration([])) } as const;

export class StorageWorld {
  readonly #script: Script;
  readonly #settle: Settle;
  readonly #random: Random;
  readonly #parameters: StorageParameters;
  readonly #writeMaker: WriteMaker;
  readonly #trace: Trace;
  readonly #digest = new Digest();
  readonly #faults = new Tally<(typeof FAULTS)[number]>(FAULTS);
  readonly #situations = new Tally<(typeof SITUATIONS)[number]>(SITUATIONS);
  readonly #actions: string[] | null;
  /** What the disk was asked to do and has not done yet, the oldest first. */
  #waiting: (() => void)[] = [];
  readonly #disk = new SimulatedDisk({ schedule: (_operation, complete) => this.#waiting.push(complete) });
  #storage: LogStorage = openLogStorage(this.#disk);
  /** What is durable; what may be there as well if the power fails now; and all that was, since reads began. */
  #model = new LogModel({ currentTerm: 1, votedFor: NOBODY }, { index: 0, term: 0 }, [FIRST]);
  #maybe: LogModel[] = [];
  #life = 1;
  #isWriting = false;
  #isCompacting = false;
  /** A failed storage answers only that, until it is opened again. */
  #hasFailed = false;
  /** How often the disk was told to fail, and has not yet. */
  #failuresToCome = 0;
  #isDamaged = false;
  #isOver = false;
  #violation: Violation | null = null;
  #events = 0;
  #unit: string | null = null;

  constructor(script: Script, settle: Settle, isTraced: boolean) {
    this.#script = script;
    this.#settle = settle;
    this.#random = new Random(script.seed);
    this.#parameters = drawStorageParameters(this.#random);
    this.#writeMaker = new WriteMaker(this.#parameters);
    this.#trace = new Trace(isTraced);
    this.#actions = isTraced ? [] : null;
  }

  async run(): Promise<RunReport> {
    await this.#found();
    const { actions } = this.#script;
    for (let turn = 0; turn < (actions?.length ?? this.#parameters.actions) && !this.#isEnding; turn += 1) {
      await this.#perform(actions?.[turn] ?? `${this.#drawDeed()} ${this.#random.nextUint32()}`);
    }
    this.#unit = null;
    if (!this.#isEnding) await this.#finish();
    if (!this.#isEnding) await this.#crash(new Random(this.#script.seed));
    return this.#report();
  }

  get #isEnding(): boolean {
    return this.#isOver || this.#violation !== null;
  }

  async #found(): Promise<void> {
    const write: Write = { seq: 0, hardState: this.#model.hardState, reset: null, truncateFrom: null, append: [FIRST] };
    void this.#storage
      .open()
      .then(() => this.#storage.initialize(IDENTITY, write))
      .catch((error: unknown) => this.#onNotOpened(error, null));
    await this.#finish();
  }

  #drawDeed(): Deed {
    const { weights } = this.#parameters;
    let left = this.#random.between(
      0,
      DEEDS.reduce((sum, deed) => sum + weights[deed], 0),
    );
    for (const deed of DEEDS) {
      left -= weights[deed];
      if (left < 0) return deed;
    }
    return "finish";
  }

  async #perform(action: string): Promise<void> {
    this.#events += 1;
    this.#unit = action;
    this.#actions?.push(action);
    const [deed = "", seed = "0"] = action.split(" ");
    const random = new Random(Number(seed));
    this.#digest.add(this.#events);
    switch (deed as Deed) {
      case "write":
        return this.#write(random);
      case "read":
        return this.#read(random);
      case "compact":
        return this.#compact(random);
      case "finish":
        return this.#finish(Math.floor(random.between(1, 4)));
      case "crash":
        return this.#crash(random);
      case "reopen":
        return this.#reopen();
      case "fail":
        return this.#fail(random);
      case "fill":
        return this.#fill();
      case "flip":
        return this.#flip(random);
      default:
        throw new RangeError(`"${action}" is no action`);
    }
  }

  // --- what is asked of it ---

  async #write(random: Random): Promise<void> {
    if (this.#isWriting) await this.#finish();
    if (this.#isEnding) return;
    const writes = this.#writeMaker.make(random, this.#model);
    const after = this.#model.after(writes);
    this.#isWriting = true;
    this.#maybe.push(after);
    this.#note("asks", () => `write: ${writes.map(describeChange).join(" and ")}`);
    if (writes.some(({ truncateFrom }) => truncateFrom !== null)) this.#situations.add("entries were truncated");
    if (writes.some(({ reset }) => reset !== null)) this.#situations.add("the log began anew");
    const life = this.#life;
    const written = this.#storage.write(writes).then(
      () => {
        if (this.#life !== life) return;
        this.#isWriting = false;
        this.#model = this.#isCompacting ? after.compactedUpTo(this.#model.compacted.index) : after;
        this.#maybe = this.#maybe.filter((model) => model !== after);
        this.#note("is told", () => "written");
      },
      (error: unknown) => this.#onFailed(life, error),
    );
    void written;
    await this.#settle();
  }

  async #read(random: Random): Promise<void> {
    const { compacted, lastIndex } = this.#model;
    // Now and then from before the log, or beyond its end.
    const low = Math.max(1, compacted.index - 1);
    const first = Math.floor(random.between(low, lastIndex + 1));
    const last = Math.floor(random.between(first, lastIndex + (random.between(0, 1) < 0.05 ? 3 : 1)));
    const maxBytes = Math.floor(random.between(0, random.between(1, 20_000)));
    if (this.#isWriting || this.#isCompacting) this.#situations.add("a read met a write under way");
    const before = [this.#model, ...this.#maybe];
    const life = this.#life;
    const hasFailed = this.#hasFailed;
    this.#note("asks", () => `read ${first} to ${last}, ${maxBytes} bytes at most`);
    void this.#storage.read(first, last, maxBytes).then(
      (entries) => {
        if (this.#life === life) this.#onRead(entries, first, last, maxBytes, [...before, this.#model, ...this.#maybe]);
      },
      (error: unknown) => {
        if (this.#life === life && !hasFailed) this.#onNotRead(error, first, last, [...before, this.#model]);
      },
    );
    await this.#settle();
  }

  #onRead(entries: readonly Entry[], first: number, last: number, maxBytes: number, models: readonly LogModel[]): void {
    const got = entries.map(describeEntry).join("; ");
    this.#note("is told", () => got);
    const pages = models.map((model) => model.page(first, last, maxBytes).map(describeEntry).join("; "));
    if (entries.length > 1 && entries.length < last - first + 1) this.#situations.add("a read needed several pages");
    if (entries.length > 0 && pages.includes(got)) return;
    this.#violated(
      "storage/read",
      "A read gives the entries that were written, in order, as many as fit and at least one.",
      [
        `The log holds ${pages[0] === "" ? "none of these entries" : pages[0]}.`,
        `A read from ${first} to ${last}, with ${maxBytes} bytes at most, gave ${got === "" ? "nothing" : got}.`,
      ],
    );
  }

  #onNotRead(error: unknown, first: number, last: number, models: readonly LogModel[]): void {
    const code = error instanceof StorageError ? error.code : "none";
    this.#note("is told", () => `${code}: ${String(error)}`);
    const isCompacted = code === "STORAGE_COMPACTED" && models.some(({ compacted }) => first <= compacted.index);
    const isBeyond = code === "STORAGE_CORRUPT" && models.some(({ lastIndex }) => last > lastIndex);
    if (isCompacted || isBeyond || this.#isReportedDamage(code)) return;
    this.#violated("storage/refused-read", "A read fails only where the log does not hold what is asked for.", [
      `The log holds entries ${this.#model.compacted.index + 1} to ${this.#model.lastIndex}.`,
      `A read from ${first} to ${last} failed with ${String(error)}.`,
    ]);
  }

  #isReportedDamage(code: string): boolean {
    if (!this.#isDamaged || code !== "STORAGE_CORRUPT") return false;
    this.#situations.add("damage was reported");
    return true;
  }

  async #compact(random: Random): Promise<void> {
    await this.#finish();
    if (this.#isEnding || this.#hasFailed) return;
    const upTo = Math.floor(random.between(this.#model.compacted.index, this.#model.lastIndex + 1));
    if (upTo === 0) return;
    const after = this.#model.compactedUpTo(upTo);
    this.#isCompacting = true;
    this.#maybe.push(after);
    this.#note("asks", () => `compact up to ${upTo}`);
    const life = this.#life;
    void this.#storage.compact(upTo).then(
      () => {
        if (this.#life !== life) return;
        this.#situations.add("the log was compacted");
        this.#isCompacting = false;
        this.#model = after;
        this.#maybe = [];
        this.#note("is told", () => "compacted");
      },
      (error: unknown) => this.#onFailed(life, error),
    );
    // To be interrupted by a crash, or not.
    await this.#finish(Math.floor(random.between(0, 6)));
    if (this.#isCompacting && random.between(0, 1) < 0.5) return this.#crash(random);
    await this.#finish();
  }

  #onFailed(life: number, error: unknown): void {
    if (this.#life !== life) return;
    const code = error instanceof StorageError ? error.code : "none";
    this.#note("is told", () => `${code}: ${String(error)}`);
    this.#isWriting = false;
    this.#isCompacting = false;
    if (this.#isReportedDamage(code)) {
      // Of entries that it was to erase.
      this.#isOver = true;
      return;
    }
    const isExpected = this.#hasFailed || this.#failuresToCome > 0 || this.#disk.isFull;
    if (!this.#hasFailed && !this.#disk.isFull) this.#failuresToCome -= 1;
    this.#hasFailed = true;
    if (isExpected && code === "STORAGE_FAILED") return;
    this.#violated("storage/failed", "A write fails only if the disk does, or did before, and says so.", [
      "The disk was not told to fail.",
      `A write failed with ${String(error)}.`,
    ]);
  }

  // --- what happens to it ---

  #fail(random: Random): void {
    const landed = random.between(0, 1) < 0.5;
    const kind = random.between(0, 1) < 0.5 ? "write" : "sync";
    this.#faults.add(kind === "write" ? "failed write" : "failed fsync");
    this.#failuresToCome += 1;
    this.#note("disk", () => `its next write fails${landed ? ", and is there all the same" : ""}`);
    this.#disk.failNext({ kind, landed });
  }

  #fill(): void {
    this.#faults.add("full disk");
    this.#note("disk", () => "is full, until the next start");
    this.#disk.isFull = true;
  }

  async #flip(random: Random): Promise<void> {
    await this.#finish();
    if (this.#isEnding) return;
    const below = (count: number): number => Math.floor(random.between(0, count));
    const { compacted, entries } = this.#model;
    // Most of what is stored are entries, however few records they lie in.
    const isInEntry = entries.length > 0 && random.between(0, 1) < 0.7;
    const key = isInEntry ? entryKey(this.#disk, compacted.index + 1 + below(entries.length)) : undefined;
    const flip = this.#disk.flipBit({ below, ...(key === undefined ? {} : { key }) });
    if (flip === null) return;
    this.#faults.add("bit flip");
    this.#isDamaged = true;
    this.#note("disk", () => `bit ${flip.bit} of byte ${flip.byte} of a ${flip.part} flips`);
    if (random.between(0, 1) < 0.5) await this.#readAll();
  }

  /** Lets the disk finish what it was asked for: the oldest first, as many as `most`. */
  async #finish(most = 10_000): Promise<void> {
    await this.#settle();
    for (let done = 0; done < most; done += 1) {
      const complete = this.#waiting.shift();
      if (complete === undefined) return;
      complete();
      await this.#settle();
    }
    if (most < 10_000) return;
    this.#violated("storage/rest", "A storage that is asked for nothing comes to rest.", [
      "Nothing was asked of it any more.",
      `It asked its disk for ${most} things, and for more.`,
    ]);
  }

  async #crash(random: Random): Promise<void> {
    const wasWriting = this.#isWriting;
    const before = this.#model;
    this.#faults.add("crash");
    this.#note("crash", () => (wasWriting ? "in a write" : "at rest"));
    this.#disk.crash(() => random.between(0, 1) < 0.5);
    await this.#start([this.#model, ...this.#maybe]);
    if (!wasWriting || this.#isEnding) return;
    this.#situations.add(
      this.#model.describe() === before.describe()
        ? "a crash lost a write"
        : "a crash kept a write that nobody had heard of",
    );
  }

  async #reopen(): Promise<void> {
    await this.#finish();
    if (this.#isEnding) return;
    this.#note("close", () => "and open again");
    void this.#storage.close();
    await this.#finish();
    await this.#start([this.#model, ...this.#maybe]);
  }

  /** The next life: what it finds must be one of `possible`. */
  async #start(possible: readonly LogModel[]): Promise<void> {
    this.#life += 1;
    this.#waiting = [];
    this.#isWriting = false;
    this.#isCompacting = false;
    this.#hasFailed = false;
    this.#maybe = [];
    this.#disk.isFull = false;
    this.#storage = openLogStorage(this.#disk);
    let opened: StoredState | null | undefined;
    let failure: unknown = null;
    void this.#storage.open().then(
      (stored) => {
        opened = stored;
      },
      (error: unknown) => {
        failure = error;
      },
    );
    await this.#finish();
    if (this.#isEnding) return;
    if (failure !== null || opened === undefined || opened === null) return this.#onNotOpened(failure, opened);
    const found = describeStored(opened);
    this.#note("start", () => `life ${this.#life}: ${found}`);
    const match = possible.find((model) => model.describe() === found);
    if (match === undefined) {
      return this.#violated(
        "storage/restored-state",
        "What is found is what was durable, or that and the write that was under way.",
        [`The disk held ${possible.map((model) => model.describe()).join(", or ")}.`, `The next start found ${found}.`],
      );
    }
    this.#model = match;
    await this.#readAll();
  }

  #onNotOpened(failure: unknown, opened: StoredState | null | undefined): void {
    const code = failure instanceof StorageError ? failure.code : "none";
    this.#note("start", () => `refused: ${String(failure)}`);
    if (this.#isReportedDamage(code)) {
      // This is the end of a damaged disk, and the right one.
      this.#isOver = true;
      return;
    }
    this.#violated("storage/opens", "A disk that is not damaged can be opened again.", [
      `The disk held ${this.#model.describe()}, and was not damaged.`,
      failure === null ? `Opening it gave ${String(opened)}.` : `Opening it failed with ${String(failure)}.`,
    ]);
  }

  /** Every entry is there, to the last bit. */
  async #readAll(): Promise<void> {
    const { compacted, lastIndex } = this.#model;
    for (let index = compacted.index + 1; index <= lastIndex && !this.#isEnding; ) {
      let count = 0;
      let failure: unknown = null;
      const first = index;
      void this.#storage.read(first, lastIndex, 100_000).then(
        (entries) => {
          count = entries.length;
          this.#onRead(entries, first, lastIndex, 100_000, [this.#model]);
        },
        (error: unknown) => {
          failure = error;
          this.#onNotRead(error, first, lastIndex, [this.#model]);
        },
      );
      await this.#settle();
      await this.#finish();
      if (failure !== null) this.#isOver = true;
      index += Math.max(1, count);
    }
  }

  // --- the report ---

  #note(kind: string, text: () => string): void {
    this.#trace.add(this.#events, "n1", kind, text, this.#unit);
  }

  #violated(oracle: string, statement: string, facts: readonly [string, string]): void {
    if (this.#violation !== null) return;
    this.#violation = { property: "Storage", oracle, statement, facts };
    this.#note("violation", () => statement);
  }

  #report(): RunReport {
    const { weights, ...parameters } = this.#parameters;
    this.#digest.add(this.#model.lastIndex);
    return {
      script: { ...this.#script, actions: this.#actions ?? this.#script.actions },
      parameters: { ...parameters, ...weights },
      violation: this.#violation,
      events: this.#events,
      coreSteps: 0,
      simulatedMs: 0,
      faults: this.#faults.counts,
      situations: this.#situations.counts,
      hash: this.#digest.toString(),
      trace: this.#trace.events,
    };
  }
}
