/** The other servers, as the configuration in force names them. */

import type { Transport } from "@quorate/contracts";
import type { Configuration, NodeId } from "@quorate/core";

export class Peers {
  readonly #transport: Transport;
  readonly #addresses: Readonly<Record<string, string>>;
  #configuration: Configuration | null = null;
  #members: ReadonlySet<NodeId> = new Set();

  /** `addresses` are local: by name, they win over those in the log (PITFALLS O6). */
  constructor(transport: Transport, addresses: Readonly<Record<string, string>> = {}) {
    this.#transport = transport;
    this.#addresses = addresses;
  }

  isMember(id: NodeId): boolean {
    return this.#members.has(id);
  }

  /** Whether a message to this peer can leave now. */
  canReach(id: NodeId): boolean {
    return this.#transport.status().connected.includes(id);
  }

  /** Tells the transport, if it is another configuration than before. */
  update(configuration: Configuration): void {
    if (configuration === this.#configuration) return;
    this.#configuration = configuration;
    this.#members = new Set(configuration.voters.map(({ id }) => id));
    const addressOf = (name: string): string | undefined => {
      return Object.hasOwn(this.#addresses, name) ? this.#addresses[name] : undefined;
    };
    this.#transport.setPeers(
      new Map(configuration.voters.map(({ id, name, address }) => [id, addressOf(name) ?? address])),
    );
  }
}
