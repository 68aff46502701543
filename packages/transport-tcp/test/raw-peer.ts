/** The other end of a connection, played by hand: to say what no sound server would say, or nothing at all. */

import { connect, createServer, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { encodeMessage, PROTOCOL_VERSION } from "@quorate/codec";
import type { PeerMessage } from "@quorate/contracts";
import type { NodeId } from "@quorate/core";
import { decodeHandshake, encodeHandshake, type Handshake, SILENT } from "../src/handshake.js";
import { TcpTransport, type TcpTransportOptions, type TcpWarning } from "../src/index.js";

const CLUSTER = "one";

export function handshake(from: NodeId, to: NodeId, changes: Partial<Handshake> = {}): Buffer {
  const plain = {
    ...SILENT,
    version: PROTOCOL_VERSION,
    verdict: "hello",
    clusterId: CLUSTER,
    maxFrameBytes: 1 << 20,
  } as const;
  return encodeHandshake({ ...plain, from, to, ...changes });
}

export function accepting(from: NodeId, to: NodeId, changes: Partial<Handshake> = {}): Buffer {
  return handshake(from, to, { verdict: "accepted", ...changes });
}

export function frameOf(body: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(body.length, 0);
  header.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([header, body]);
}

export function messageFrame(message: PeerMessage): Buffer {
  return frameOf(Buffer.concat(encodeMessage(1, message).chunks));
}

export function heartbeat(from: NodeId, to: NodeId, round: number): PeerMessage {
  return { kind: "heartbeat", from, to, term: 3, round, leaderCommit: 2, isQuiet: false };
}

/** One end of a socket, with everything it has read. */
export class RawPeer {
  readonly socket: Socket;
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;
  #read = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      this.#read = Buffer.concat([this.#read, chunk]);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      socket.once("close", () => {
        resolve();
        for (const wake of this.#waiting.splice(0)) wake();
      });
    });
  }

  /** Everything that was read and not yet taken. */
  get unread(): Buffer {
    return this.#read;
  }

  /** Takes the next `sizeBytes` bytes. Rejects if the connection ends before they are there. */
  async take(sizeBytes: number): Promise<Buffer> {
    while (this.#read.length < sizeBytes) {
      if (this.socket.closed) throw new Error(`The connection ended after ${this.#read.length} bytes.`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const taken = this.#read.subarray(0, sizeBytes);
    this.#read = this.#read.subarray(sizeBytes);
    return taken;
  }

  async takeHandshake(): Promise<Handshake> {
    for (let sizeBytes = 1; ; sizeBytes += 1) {
      const bytes = await this.take(sizeBytes);
      const decoded = decodeHandshake(bytes);
      if (decoded !== null) return decoded.handshake;
      this.#read = Buffer.concat([bytes, this.#read]);
    }
  }

  /** Writes `bytes`. Resolves when the other end, which must be in this process, has had its turn to read them. */
  async say(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
    for (let turns = 0; turns < 3; turns += 1) await turn();
  }

  /** The body of the next frame that is more than a sign of life. */
  async takeFrame(): Promise<Buffer> {
    for (;;) {
      const sizeBytes = (await this.take(8)).readUInt32BE(0);
      if (sizeBytes > 0) return this.take(sizeBytes);
    }
  }
}

/** Everything that a test opens; `close` ends it. */
export class Bench {
  readonly warnings: TcpWarning[] = [];
  readonly received: PeerMessage[] = [];
  readonly #closers: (() => void | Promise<void>)[] = [];

  /** An open transport of server 1; what it warns of and receives for group 1 is noted. */
  async open(options: Partial<TcpTransportOptions> = {}, nodeId = 1): Promise<TcpTransport> {
    const transport = new TcpTransport({
      listen: "127.0.0.1:0",
      onWarning: (warning) => this.warnings.push(warning),
      ...options,
    });
    this.#closers.push(() => transport.close());
    transport.register(1, (message) => this.received.push(message));
    await transport.open({ clusterId: CLUSTER, nodeId });
    return transport;
  }

  /** Dials `transport`, and says nothing yet. */
  dial({ address }: TcpTransport): RawPeer {
    const peer = new RawPeer(connect(Number(address.split(":")[1]), "127.0.0.1"));
    this.#closers.push(() => void peer.socket.destroy());
    return peer;
  }

  /** Dials `transport` of server 1 and introduces itself as server `from`. */
  async introduce(transport: TcpTransport, from: NodeId): Promise<RawPeer> {
    const peer = this.dial(transport);
    peer.socket.write(handshake(from, 1));
    await peer.takeHandshake();
    return peer;
  }

  /** Listens; `onPeer` is called with each connection that comes in. Resolves with the address. */
  async listen(onPeer: (peer: RawPeer) => void): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      onPeer(new RawPeer(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    return typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "";
  }

  /** Waits for a turn of the event loop in which `look` finds something: anything but false or undefined. */
  async until<Found>(look: () => Found | false | undefined): Promise<Found> {
    const giveUpAt = performance.now() + 8000;
    for (;;) {
      const found = look();
      if (found !== false && found !== undefined) return found;
      if (performance.now() > giveUpAt) throw new Error(`Not found in 8 seconds: ${look}`);
      await turn();
    }
  }

  warning(code: TcpWarning["code"]): Promise<TcpWarning> {
    return this.until(() => this.warnings.find((warning) => warning.code === code));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
