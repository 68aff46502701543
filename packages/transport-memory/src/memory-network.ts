/**
 * The medium that carries messages between the servers of one process.
 *
 * How a message travels is not decided here but by a {@link DeliveryPolicy}: by default it arrives a moment later; a
 * simulator loses, delays, doubles and reorders as its seed says. The network itself has no timers and no randomness.
 */

import type { GroupId, PeerMessage, TransportIdentity } from "@quorate/contracts";

/** A message under way. Who sent it and to whom stands in the message. */
export interface Envelope {
  readonly groupId: GroupId;
  readonly message: PeerMessage;
  /** That of the sender, if it says so. */
  readonly incarnation?: number;
}

/**
 * Decides what becomes of a message: `handOver` may be called never, once or several times, each time from a later
 * turn or microtask and never before the policy returns. Whether the receiver is still there is looked up then.
 */
export type DeliveryPolicy = (envelope: Envelope, handOver: () => void) => void;

/** Who listens at an address. */
export interface Endpoint {
  readonly identity: TransportIdentity;
  receive(envelope: Envelope): void;
  /** The server of `identity` has gone. */
  lose(identity: TransportIdentity): void;
}

/**
 * Decides what becomes of the news that `gone` does not listen any more, which `to` may or may not hear: `tell` may be
 * called never, once or several times, each time from a later turn or microtask.
 */
export type LossPolicy = (gone: TransportIdentity, to: TransportIdentity, tell: () => void) => void;

export interface MemoryNetworkOptions {
  /** Default: every message arrives once, in the order of sending, in a microtask of its own. */
  readonly deliver?: DeliveryPolicy;
  /** Default: everybody is told, in a microtask of its own. */
  readonly announce?: LossPolicy;
}

declare function queueMicrotask(callback: () => void): void;

export class MemoryNetwork {
  readonly #deliver: DeliveryPolicy;
  readonly #announce: LossPolicy;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor({
    deliver = (_envelope, handOver) => queueMicrotask(handOver),
    announce = (_gone, _to, tell) => queueMicrotask(tell),
  }: MemoryNetworkOptions = {}) {
    this.#deliver = deliver;
    this.#announce = announce;
  }

  /** Takes an address. False if it is taken already. */
  listen(address: string, endpoint: Endpoint): boolean {
    if (this.#endpoints.has(address)) return false;
    this.#endpoints.set(address, endpoint);
    return true;
  }

  /** Gives an address back; the others hear of it, or not. */
  leave(address: string): void {
    const gone = this.#endpoints.get(address)?.identity;
    this.#endpoints.delete(address);
    if (gone === undefined) return;
    for (const endpoint of this.#endpoints.values()) {
      const { identity } = endpoint;
      if (identity.clusterId === gone.clusterId) this.#announce(gone, identity, () => endpoint.lose(gone));
    }
  }

  /** The server of `identity` at `address`; undefined if it is not there, or somebody else is (PITFALLS O1, O12). */
  find(address: string, { clusterId, nodeId }: TransportIdentity): Endpoint | undefined {
    const endpoint = this.#endpoints.get(address);
    if (endpoint?.identity.clusterId !== clusterId || endpoint.identity.nodeId !== nodeId) return undefined;
    return endpoint;
  }

  /** Where the server of `identity` listens, if it does. */
  addressOf({ clusterId, nodeId }: TransportIdentity): string | undefined {
    for (const [address, { identity }] of this.#endpoints) {
      if (identity.clusterId === clusterId && identity.nodeId === nodeId) return address;
    }
    return undefined;
  }

  /** Gives a message to the policy. What finds nobody when it arrives is lost. */
  carry(envelope: Envelope, address: string, receiver: TransportIdentity): void {
    this.#deliver(envelope, () => this.find(address, receiver)?.receive(envelope));
  }
}
