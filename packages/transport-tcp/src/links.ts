/**
 * The ways to all peers: to those that are named, and to guests: servers of the cluster that are not named but have
 * connected, and said where they listen. A guest can be answered as long as its own connection lasts (PITFALLS M11, O11).
 * A peer that has moved is answered there, too, by those who know its old address alone.
 */

import type { TransportIdentity } from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import { parseAddress } from "./address.js";
import type { Settings } from "./options.js";
import { PeerLink } from "./peer-link.js";

export interface LinksOptions {
  readonly identity: TransportIdentity;
  readonly settings: Settings;
  /** Where others reach this server; empty if that is not known. */
  readonly ownAddress: string;
  readonly onDropped: (count: number) => void;
  /** A connection to `peer` that was there has ended, and not because this server wanted it so. */
  readonly onLost: (peer: NodeId) => void;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #links = new Map<NodeId, PeerLink>();
  #named: ReadonlyMap<NodeId, string> = new Map();
  /** Where those listen, as they say, who have connected. */
  readonly #said = new Map<NodeId, string>();
  /** Links that were replaced and are not quite over. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /** The peers to which messages can be sent right now. */
  get connected(): NodeId[] {
    return [...this.#links].filter(([, { isConnected }]) => isConnected).map(([peer]) => peer);
  }

  get(peer: NodeId): PeerLink | undefined {
    return this.#links.get(peer);
  }

  /** Returns those that were named and are no longer: whoever of them comes again comes as a guest. */
  setPeers(peers: ReadonlyMap<NodeId, string>): NodeId[] {
    const unnamed = [...this.#named.keys()].filter((peer) => !peers.has(peer));
    this.#named = peers;
    for (const peer of unnamed) this.#drop(peer);
    for (const [peer, address] of peers) if (peer !== this.#options.identity.nodeId) this.#link(peer, address);
    return unnamed;
  }

  /** A peer has connected, and listens at `address` if it says so. */
  onPeer(peer: NodeId, address: string): void {
    if (this.#isClosed) return;
    const isAddress = (parseAddress(address)?.port ?? 0) !== 0;
    if (isAddress) this.#said.set(peer, address);
    else this.#said.delete(peer);
    if (isAddress && !this.#named.has(peer)) this.#link(peer, address);
    this.#links.get(peer)?.wake(this.#said.get(peer));
  }

  onPeerGone(peer: NodeId): void {
    this.#said.delete(peer);
    if (!this.#named.has(peer)) this.#drop(peer);
  }

  beat(): void {
    for (const link of this.#links.values()) link.beat();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const peer of this.#links.keys()) this.#drop(peer);
    await Promise.all(this.#leaving);
  }

  #link(peer: NodeId, address: string): void {
    const link = this.#links.get(peer);
    if (link?.address === address) return;
    this.#drop(peer);
    this.#links.set(peer, new PeerLink({ ...this.#options, peer, address, otherAddress: this.#said.get(peer) }));
  }

  #drop(peer: NodeId): void {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    this.#links.delete(peer);
    const leaving = link.close().then(() => {
      this.#leaving.delete(leaving);
    });
    this.#leaving.add(leaving);
  }
}
