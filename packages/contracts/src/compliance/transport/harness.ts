/** What an implementer of a transport provides for the suite. */

import type { Transport } from "../../transport.js";

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
