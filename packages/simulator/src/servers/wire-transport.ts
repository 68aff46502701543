/** A transport within the simulation that carries every message as the bytes that would travel. */

import { decodeMessage, encodeMessage } from "@quorate/codec";
import type { GroupId, PeerMessage } from "@quorate/contracts";
import { type MemoryNetwork, MemoryTransport } from "@quorate/transport-memory";

export class WireTransport extends MemoryTransport {
  readonly #onSend: (message: PeerMessage) => void;

  constructor(network: MemoryNetwork, listen: string, onSend: (message: PeerMessage) => void) {
    super({ network, listen });
    this.#onSend = onSend;
  }

  override send(groupId: GroupId, message: PeerMessage): void {
    this.#onSend(message);
    super.send(groupId, overTheWire(groupId, message));
  }
}

function overTheWire(groupId: GroupId, message: PeerMessage): PeerMessage {
  const { chunks, sizeBytes } = encodeMessage(groupId, message);
  const frame = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    frame.set(chunk, offset);
    offset += chunk.length;
  }
  return decodeMessage(frame).message;
}
