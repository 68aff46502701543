/**
 * The other servers: those of the configuration in force, and those that are on their way out and must be answered still:
 * who counts until the change is committed, who leads until the others know, who is fed a little longer (PITFALLS M14,
 * M28).
 */

import type { Transport } from "@quorate/contracts";
import { type Configuration, type FollowerStatus, membersOf, type NodeId, type Raft } from "@quorate/core";
import { committedConfiguration } from "./members.js";

/** Where this server reaches others, whatever the log says (PITFALLS O6). */
export interface AddressOverrides {
  readonly byName: Readonly<Record<string, string>>;
  /** For which server: whoever was given the name of a founder later is another one. */
  readonly isMeant: (name: string, id: NodeId) => boolean;
}

export class Peers {
  readonly #transport: Transport;
  readonly #addressOf: (name: string, id: NodeId) => string | undefined;
  /** What the transport was told last. */
  #told: ReadonlyMap<NodeId, string> = new Map();
  /** What that was made of. */
  #configuration: Configuration | null = null;
  #committed: Configuration | null = null;
  #followers: readonly FollowerStatus[] = [];
  #leaderId: NodeId = 0;

  constructor(transport: Transport, { byName, isMeant }: AddressOverrides) {
    this.#transport = transport;
    this.#addressOf = (name, id) => (Object.hasOwn(byName, name) && isMeant(name, id) ? byName[name] : undefined);
  }

  /** Whether a message to this peer can leave now. */
  canReach(id: NodeId): boolean {
    return this.#transport.status().connected.includes(id);
  }

  /** Tells the transport, if anything changed. */
  update(raft: Raft): void {
    const { configuration, followers, leaderId } = raft;
    const committed = committedConfiguration(raft).configuration;
    const isNew = configuration !== this.#configuration || committed !== this.#committed;
    if (!isNew && followers === this.#followers && leaderId === this.#leaderId) return;
    this.#configuration = configuration;
    this.#committed = committed;
    this.#followers = followers;
    this.#leaderId = leaderId;
    const peers = new Map<NodeId, string>();
    for (const { id, name, address } of [...membersOf(committed), ...membersOf(configuration)])
      peers.set(id, this.#addressOf(name, id) ?? address);
    for (const id of [...raft.peers, leaderId]) {
      const address = this.#told.get(id);
      if (!peers.has(id) && address !== undefined) peers.set(id, address);
    }
    if (isSame(peers, this.#told)) return;
    this.#told = peers;
    this.#transport.setPeers(peers);
  }
}

function isSame(a: ReadonlyMap<NodeId, string>, b: ReadonlyMap<NodeId, string>): boolean {
  return a.size === b.size && [...a].every(([id, address]) => b.get(id) === address);
}
