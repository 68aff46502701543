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
import { testClose, testOpen } from "./transport/lifetime.js";
import { testMessages, testSend } from "./transport/messages.js";
import { Network } from "./transport/network.js";
import { testGroups, testIdentity, testPeers } from "./transport/peers.js";

/** What the suite needs to know of a transport. One harness serves one test. */
export interface TransportHarness<T extends Transport = Transport> {
  /** A transport, not yet opened. It will listen at `address` if one is given, otherwise at a free one. */
  create(address?: string): T;

  /** Where a transport listens, or did before it was closed, in the form that `setPeers` takes. */
  addressOf(transport: T): string;

  /**
   * The names of what is open in this process on behalf of transports: sockets, say. Compared before and after; leave
   * it out where there is nothing of the kind.
   */
  openHandles?(): readonly string[];
}

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
    describe("identity", () => testIdentity(network));
    describe("close", () => testClose(network));
  });
}
