/** `open`, `initialize` and `close`: a storage is founded once, and remembers by whom. */

import { expect, it } from "vitest";
import type { StorageHarness } from "./harness.js";
import { entryAt, expectRejection, firstWrite, IDENTITY, pass, plainState, Subject, writeOf } from "./subject.js";

export function testOpening(harness: () => StorageHarness): void {
  it("says how durable it is", async () => {
    const storage = await harness().create();
    expect(["durable", "volatile"]).toContain(storage.durability);
    await storage.close();
  });

  it("finds nothing in a blank place, however often it is opened", async () => {
    const storage = await harness().create();
    expect(await storage.open()).toBeNull();
    await storage.close();
    const again = await harness().reopen(storage);
    expect(await again.open()).toBeNull();
    await again.close();
  });

  it("finds what it was founded with", async () => {
    const subject = await Subject.founded(harness());
    await subject.reopen();
    await subject.reopen();
  });

  it("is founded with nothing but an identity", async () => {
    const storage = await harness().create();
    await storage.open();
    const founded = await storage.initialize(IDENTITY, {
      seq: 0,
      hardState: null,
      reset: null,
      truncateFrom: null,
      append: [],
    });
    expect(plainState(founded)).toEqual({
      identity: IDENTITY,
      hardState: { currentTerm: 0, votedFor: 0 },
      compacted: { index: 0, term: 0 },
      lastIndex: 0,
      termRuns: [],
      memberships: [],
    });
    await storage.close();
    const again = await harness().reopen(storage);
    expect(plainState(await again.open())).toEqual(plainState(founded));
    await again.write([writeOf({ append: [entryAt(1, 1)] })]);
    await again.close();
  });

  it("O2: refuses to be founded again, at once and after it was reopened, and changes nothing", async () => {
    const subject = await Subject.founded(harness(), 3);
    const other = { clusterId: "another", nodeId: 9, name: "intruder" };
    await expectRejection(subject.storage.initialize(other, firstWrite()), "STORAGE_NOT_EMPTY");
    await subject.reopen();
    await expectRejection(subject.storage.initialize(other, firstWrite()), "STORAGE_NOT_EMPTY");
    await subject.write({ append: [entryAt(4, 1)] });
    await subject.reopen();
  });

  it("O2: is founded once when it is asked to twice at the same time", async () => {
    const storage = await harness().create();
    await storage.open();
    const first = storage.initialize(IDENTITY, firstWrite());
    const second = storage.initialize({ ...IDENTITY, nodeId: 9 }, firstWrite());
    await expectRejection(second, "STORAGE_NOT_EMPTY");
    expect((await first).identity.nodeId).toBe(IDENTITY.nodeId);
    await storage.close();
    const again = await harness().reopen(storage);
    expect((await again.open())?.identity).toEqual(IDENTITY);
  });

  it("closes twice, and before it was opened", async () => {
    const unopened = await harness().create();
    await unopened.close();
    await unopened.close();
    const subject = await Subject.founded(harness());
    await Promise.all([subject.storage.close(), subject.storage.close()]);
    await subject.reopen();
  });

  it("F18: waits at its close for the write under way, and then does nothing more", async () => {
    const subject = await Subject.founded(harness());
    let isWritten = false;
    const underWay = subject.write({ append: [entryAt(2, 1)] }).then(() => {
      isWritten = true;
    });
    await subject.storage.close();
    await pass(20);
    expect(isWritten).toBe(true);
    await underWay;
    const { storage } = subject;
    await expect(storage.write([writeOf({ append: [entryAt(3, 1)] })])).rejects.toThrow();
    await expect(storage.read(1, 1, 100)).rejects.toThrow();
    await expect(storage.compact(1)).rejects.toThrow();
    await subject.reopen();
  });
}
