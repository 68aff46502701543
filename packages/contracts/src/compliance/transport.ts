/**
 * The compliance suite of {@link Transport}: every sentence of `transport.ts` as a test, for anyone's transport.
 *
 * ```ts
 * transportCompliance("MyTransport", () => new MyHarness());
 * ```
 *
 * A message may be lost, so these tests send again where they wait for one. What they never forgive is a message that
 * is damaged, that comes from a stranger, or that comes when none may.
 */

import { afterEach, beforeEach, describe } from "vitest";
import type { Transport } from "../transport.js";
import type { TransportHarness } from "./transport/harness.js";
import { testClose, testOpen } from "./transport/lifetime.js";
import { testMessages, testSend } from "./transport/messages.js";
import { Network } from "./transport/network.js";
import { testGroups, testIdentity, testLosses, testPeers } from "./transport/peers.js";

export type { TransportHarness };

/** Defines the tests; call it in a test file. `createHarness` is called before each of them. */
export function transportCompliance<T extends Transport>(name: string, createHarness: () => TransportHarness<T>): void {
  describe(`${name} complies with Transport`, () => {
    let current: Network<T>;
    beforeEach(() => {
      current = new Network(createHarness());
    });
    afterEach(() => current.close());
    const network = () => current;

    describe("messages", () => testMessages(network));
    describe("send", () => testSend(network));
    describe("open", () => testOpen(network));
    describe("setPeers", () => testPeers(network));
    describe("groups", () => testGroups(network));
    describe("losses", () => testLosses(network));
    describe("identity", () => testIdentity(network));
    describe("close", () => testClose(network));
  });
}
