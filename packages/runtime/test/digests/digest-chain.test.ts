/** The chain of digests: equal where the answers were, and different for good from the first that was not. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DigestChain, KEPT_DIGESTS } from "../../src/digests/digest-chain.js";

const answer = (...bytes: number[]) => Uint8Array.from(bytes);

describe("DigestChain", () => {
  it("is the same for the same answers, and goes on from any of its places", () => {
    const answers = fc.array(fc.option(fc.uint8Array({ maxLength: 20 })), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(answers, fc.nat(), (list, cut) => {
        const whole = new DigestChain({ index: 0, digest: 0 });
        let resumed = new DigestChain({ index: 0, digest: 0 });
        for (const [place, each] of list.entries()) {
          for (const chain of [whole, resumed]) {
            if (each === null) chain.onPassed(place + 1);
            else chain.onAnswer(place + 1, each);
          }
          if (place === cut % list.length) resumed = new DigestChain(resumed.last);
        }
        expect(resumed.last).toEqual(whole.last);
        expect(Number.isSafeInteger(whole.last.digest) && whole.last.digest >= 0).toBe(true);
      }),
    );
  });

  it("O8: differs from the first answer that differs on, at every later index", () => {
    const one = new DigestChain({ index: 0, digest: 0 });
    const other = new DigestChain({ index: 0, digest: 0 });
    for (let index = 1; index <= 1000; index += 1) {
      one.onAnswer(index, answer(index & 0xff));
      other.onAnswer(index, answer(index === 400 ? 99 : index & 0xff));
    }
    for (let index = 1; index <= 1000; index += 1) expect(one.at(index) === other.at(index)).toBe(index < 400);
  });

  it("tells an answer from the same bytes cut elsewhere, and from another place", () => {
    const digestsOf = (answers: readonly Uint8Array[], from: number) => {
      const chain = new DigestChain({ index: from, digest: 0 });
      for (const [place, each] of answers.entries()) chain.onAnswer(from + place + 1, each);
      return chain.last.digest;
    };
    const digests = [
      digestsOf([answer(1, 2), answer(3)], 0),
      digestsOf([answer(1), answer(2, 3)], 0),
      digestsOf([answer(1, 2), answer(3)], 1),
      digestsOf([answer(), answer(1, 2, 3)], 0),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("keeps a bounded number, and says so", () => {
    const chain = new DigestChain({ index: 7, digest: 5 });
    expect([chain.at(7), chain.at(6), chain.at(8)]).toEqual([5, null, null]);
    for (let index = 8; index < 8 + KEPT_DIGESTS; index += 1) chain.onPassed(index);
    expect(chain.at(7)).toBeNull();
    expect(chain.oldestIndex).toBe(8);
    expect(chain.at(8)).toBe(5);
  });

  it("C6: refuses an entry out of order", () => {
    const chain = new DigestChain({ index: 0, digest: 0 });
    expect(() => chain.onAnswer(2, answer())).toThrow(RangeError);
  });
});
