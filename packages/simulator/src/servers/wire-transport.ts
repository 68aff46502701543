/** A transport within the simulation that carries every message as the bytes that would travel. */

import { decodeMessage, encodeMessage } from "@quorate/codec";
import type { GroupId, PeerMessage, TransportIdentity } from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import { type MemoryNetwork, MemoryTransport } from "@quorate/transport-memory";
import { placeOf } from "./marks.js";

export interface WireWatcher {
  /** It is known who listens here. */
  onOpen(identity: TransportIdentity): void;
  onSend(message: PeerMessage): void;
  /** The version of the protocol that both this end and that server's speak. */
  versionFor(to: NodeId): number;
}

export class WireTransport extends MemoryTransport {
  readonly #watcher: WireWatcher;

  constructor(network: MemoryNetwork, listen: string, watcher: WireWatcher) {
    super({ network, listen });
    this.#watcher = watcher;
  }

  override open(identity: TransportIdentity): Promise<void> {
    this.#watcher.onOpen(identity);
    return super.open(identity);
  }

  /** Marks tell changes of members apart, and lead nowhere. */
  override setPeers(peers: ReadonlyMap<NodeId, string>): void {
    super.setPeers(new Map([...peers].map(([id, address]) => [id, placeOf(address)])));
  }

  override send(groupId: GroupId, message: PeerMessage): void {
    this.#watcher.onSend(message);
    super.send(groupId, overTheWire(groupId, message, this.#watcher.versionFor(message.to)));
  }
}

function overTheWire(groupId: GroupId, message: PeerMessage, version: number): PeerMessage {
  const { chunks, sizeBytes } = encodeMessage(groupId, message, version);
  const frame = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    frame.set(chunk, offset);
    offset += chunk.length;
  }
  return decodeMessage(frame).message;
}
