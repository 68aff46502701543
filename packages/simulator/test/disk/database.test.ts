/** The database against a naive model of it, under any sequence of batches, reads, failures and crashes. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { SimulatedLevel } from "../../src/disk/index.js";
import { ManualDisk, microtasks } from "./lives.js";

/** Sorts by bytes, which is neither the order of insertion nor of characters. */
const bytes = fc.array(fc.constantFrom<number[]>(0, 1, 0x7f, 0x80, 0xff), { minLength: 1, maxLength: 3 });
const operation = fc.record({ key: bytes, value: fc.option(fc.uint8Array({ maxLength: 4 }), { freq: 3 }) });
const operations = fc.array(operation, { minLength: 1, maxLength: 4 });
const bound = fc.option(bytes);
const range = fc.record({ gte: bound, gt: bound, lte: bound, lt: bound });

const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: fc.constant("batch" as const), operations, sync: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("hold" as const), operations, sync: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant("release" as const), last: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      move: fc.constant("fail" as const),
      operations,
      kind: fc.constantFrom("write" as const, "sync" as const),
      landed: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      move: fc.constant("walk" as const),
      range,
      reverse: fc.boolean(),
      limit: fc.integer({ min: -1, max: 6 }),
      size: fc.integer({ min: 1, max: 4 }),
      meanwhile: operations,
    }),
  },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("get" as const), keys: fc.array(bytes, { maxLength: 4 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ move: fc.constant("clear" as const), range, limit: fc.integer({ min: -1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("lie" as const), lies: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      move: fc.constant("crash" as const),
      survives: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("reopen" as const) }) },
);

type Move = typeof move extends fc.Arbitrary<infer Value> ? Value : never;
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;
type Range = typeof range extends fc.Arbitrary<infer Value> ? Value : never;
type Pair = readonly [key: string, value: string];

interface LoggedBatch {
  readonly operations: readonly Operation[];
  isSafe: boolean;
  isUnseen: boolean;
}

/** LevelDB's log as a list, replayed from its start whenever anything is asked. */
class Model {
  log: LoggedBatch[] = [];
  lies = false;
  hasFailedSync = false;

  append(added: readonly Operation[], sync: boolean): void {
    this.log.push({ operations: added, isSafe: false, isUnseen: false });
    if (sync && !this.lies) for (const batch of this.log) batch.isSafe = true;
  }

  pairs(): Pair[] {
    const found = new Map<string, string>();
    for (const { operations: each, isUnseen } of this.log) {
      for (const { key, value } of isUnseen ? [] : each) {
        if (value === null) found.delete(hex(key));
        else found.set(hex(key), hex(value));
      }
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  within({ gte, gt, lte, lt }: Range): Pair[] {
    return this.pairs().filter(([key]) => {
      const isAbove = gte === null ? gt === null || key > hex(gt) : key >= hex(gte);
      const isBelow = lte === null ? lt === null || key < hex(lt) : key <= hex(lte);
      return isAbove && isBelow;
    });
  }

  /** What was under way comes last. */
  crash(survives: () => boolean, underWay: readonly (readonly Operation[])[]): void {
    const asked = [...this.log, ...underWay.map((each) => ({ operations: each, isSafe: false, isUnseen: false }))];
    const kept = asked.map((batch) => batch.isSafe || batch.isUnseen || survives());
    const gap = kept.indexOf(false);
    this.log = gap === -1 ? asked : asked.slice(0, gap);
    for (const batch of this.log) Object.assign(batch, { isSafe: true, isUnseen: false });
    this.hasFailedSync = false;
  }

  reopen(): void {
    for (const batch of this.log) Object.assign(batch, { isUnseen: false, isSafe: batch.isSafe || !this.lies });
    this.hasFailedSync = false;
  }
}

it("P6, P11, P13: holds what the naive model holds, after any moves", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 40, size: "max" }), async (moves) => {
      const run = new Run();
      await run.open();
      for (const each of moves) await run.make(each);
      await run.expectAll();
    }),
    { numRuns: 300 },
  );
});

interface HeldBatch {
  readonly operations: readonly Operation[];
  readonly sync: boolean;
}

class Run {
  readonly #disk = new ManualDisk();
  readonly #model = new Model();
  #database = new SimulatedLevel(this.#disk);
  #held: HeldBatch[] = [];

  async open(): Promise<void> {
    await this.#database.open();
  }

  async make(each: Move): Promise<void> {
    switch (each.move) {
      case "batch":
        return this.#batch(each.operations, each.sync);
      case "hold":
        return this.#hold(each);
      case "release":
        return this.#release(each.last);
      case "fail":
        return this.#fail(each.operations, each.kind, each.landed);
      case "walk":
        return this.#walk(each);
      case "get":
        return this.#get(each.keys);
      case "clear":
        return this.#clear(each.range, each.limit);
      case "lie":
        this.#model.lies = each.lies;
        this.#disk.liesAboutSync = each.lies;
        return;
      case "crash":
        return this.#crash(each.survives);
      case "reopen":
        return this.#reopen();
    }
  }

  async expectAll(): Promise<void> {
    const found = await this.#database.iterator().all();
    expect(found.map(plainPair)).toEqual(this.#model.pairs());
    expect(this.#disk.stats.entries).toBe(found.length);
  }

  async #batch(each: readonly Operation[], sync: boolean): Promise<void> {
    const written = this.#begin(each, sync);
    if (this.#model.hasFailedSync) {
      await expect(written).rejects.toMatchObject({ code: "LEVEL_IO_ERROR" });
      return;
    }
    await written;
    this.#model.append(each, sync);
  }

  /** In all the ways there are to write. */
  #begin(each: readonly Operation[], sync: boolean): Promise<void> {
    const [first] = each;
    if (each.length === 1 && first !== undefined) {
      const key = Buffer.from(first.key);
      // The options of LevelDB pass through `abstract-level`, whose types know none.
      const options: object = { sync };
      return first.value === null
        ? this.#database.del(key, options)
        : this.#database.put(key, Buffer.from(first.value), options);
    }
    const batch = this.#database.batch();
    for (const { key, value } of each) {
      if (value === null) batch.del(Buffer.from(key));
      else batch.put(Buffer.from(key), Buffer.from(value));
    }
    const options: object = { sync };
    return batch.write(options);
  }

  async #hold(batch: HeldBatch): Promise<void> {
    if (this.#model.hasFailedSync) return;
    this.#disk.hold();
    this.#begin(batch.operations, batch.sync).catch(() => undefined);
    await microtasks();
    this.#held.push(batch);
    this.#disk.resume();
  }

  async #release(last: boolean): Promise<void> {
    const pending = last ? this.#disk.pending.pop() : this.#disk.pending.shift();
    const batch = last ? this.#held.pop() : this.#held.shift();
    pending?.complete();
    await microtasks();
    if (batch !== undefined && !this.#model.hasFailedSync) this.#model.append(batch.operations, batch.sync);
  }

  async #fail(each: readonly Operation[], kind: "write" | "sync", landed: boolean): Promise<void> {
    if (this.#model.hasFailedSync) return;
    this.#disk.failNext({ kind, landed });
    await expect(this.#begin(each, kind === "sync")).rejects.toMatchObject({ code: "LEVEL_IO_ERROR" });
    if (landed) this.#model.log.push({ operations: each, isSafe: false, isUnseen: true });
    this.#model.hasFailedSync = kind === "sync";
  }

  /** An iterator sees what was there when it was made, whatever is written meanwhile. */
  async #walk({ range: within, reverse, limit, size, meanwhile }: Extract<Move, { move: "walk" }>): Promise<void> {
    const expected = this.#model.within(within);
    if (reverse) expected.reverse();
    const options = { ...boundsOf(within), reverse, limit };
    const iterator = this.#database.iterator(options);
    const keys = this.#database.keys(options);
    await this.#batch(meanwhile, false);
    const found: Pair[] = [];
    const first = await iterator.next();
    if (first !== undefined) found.push(plainPair(first));
    for (let piece = await iterator.nextv(size); piece.length > 0; piece = await iterator.nextv(size)) {
      expect(piece.length).toBeLessThanOrEqual(size);
      found.push(...piece.map(plainPair));
    }
    await iterator.close();
    const wanted = limit === -1 ? expected : expected.slice(0, limit);
    expect(found).toEqual(wanted);
    expect((await keys.all()).map(hex)).toEqual(wanted.map(([key]) => key));
  }

  async #get(keys: readonly (readonly number[])[]): Promise<void> {
    const pairs = new Map(this.#model.pairs());
    const found = await this.#database.getMany(keys.map((key) => Buffer.from(key)));
    expect(found.map((value) => value && hex(value))).toEqual(keys.map((key) => pairs.get(hex(key))));
    for (const key of keys) {
      const value = await this.#database.get(Buffer.from(key));
      expect(value && hex(value)).toBe(pairs.get(hex(key)));
    }
  }

  async #clear(within: Range, limit: number): Promise<void> {
    if (this.#model.hasFailedSync || limit === 0) return;
    const expected = this.#model.within(within);
    await this.#database.clear({ ...boundsOf(within), limit });
    const gone = limit === -1 ? expected : expected.slice(0, limit);
    this.#model.append(
      gone.map(([key]) => ({ key: [...Buffer.from(key, "hex")], value: null })),
      false,
    );
  }

  async #crash(survives: readonly boolean[]): Promise<void> {
    const decider = (): (() => boolean) => {
      let place = 0;
      return () => survives[place++ % survives.length] === true;
    };
    const dead = this.#database;
    this.#disk.crash(decider());
    const underWay = this.#held.splice(0).map(({ operations: each }) => each);
    this.#model.crash(decider(), underWay);
    for (const { complete } of this.#disk.pending.splice(0)) complete();
    dead.put(Buffer.of(9), Buffer.of(9)).catch(() => undefined);
    this.#database = new SimulatedLevel(this.#disk);
    await this.#database.open();
    await this.expectAll();
  }

  async #reopen(): Promise<void> {
    while (this.#held.length > 0) await this.#release(false);
    await this.#database.close();
    this.#database = new SimulatedLevel(this.#disk);
    await this.#database.open();
    this.#model.reopen();
    await this.expectAll();
  }
}

function boundsOf({ gte, gt, lte, lt }: Range): { gte?: Buffer; gt?: Buffer; lte?: Buffer; lt?: Buffer } {
  return {
    ...(gte === null ? {} : { gte: Buffer.from(gte) }),
    ...(gt === null ? {} : { gt: Buffer.from(gt) }),
    ...(lte === null ? {} : { lte: Buffer.from(lte) }),
    ...(lt === null ? {} : { lt: Buffer.from(lt) }),
  };
}

function plainPair([key, value]: readonly [Buffer, Buffer]): Pair {
  return [hex(key), hex(value)];
}

function hex(from: Uint8Array | readonly number[]): string {
  return Buffer.from(from).toString("hex");
}
