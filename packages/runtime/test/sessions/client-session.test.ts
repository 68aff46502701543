/** The numbers of a session, and those that wait for one. */

import { expect, it } from "vitest";
import { ClientSession } from "../../src/sessions/client-session.js";

it("F4: those that gave up before the session was open are not kept for as long as that lasts", () => {
  const session = new ClientSession<{ stage: string }>(0, true);
  const waiting = { stage: "parked" };
  session.park(waiting);
  for (let count = 0; count < 100_000; count += 1) session.park({ stage: "settled" });
  expect(session.parkedCount).toBeLessThan(1000);
  expect(session.unpark()).toBe(waiting);
  expect(session.unpark()).toBeUndefined();
});

it("K13: what is acknowledged is below every number that is still in use", () => {
  const session = new ClientSession<{ stage: string }>(7, false);
  const [first, second, third] = [session.nextSequence(), session.nextSequence(), session.nextSequence()];
  session.settle(second);
  expect(session.acknowledgedBelow).toBe(first);
  session.settle(first);
  expect(session.acknowledgedBelow).toBe(third);
});
