/** A proxy before a server that speaks the binary protocol: it can lose what the server answered, with the connection. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { FrameReader } from "../src/protocol/frame-reader.js";
import { REQUEST } from "../src/protocol/protocol.js";
import type { Fate, FaultyProxy } from "./faulty-proxy.js";

const HEAD_END = "\r\n\r\n";
const WRITES: readonly number[] = [REQUEST.put, REQUEST.delete, REQUEST.txn];
const MAX_BYTES = 16 * 1024 * 1024;
const HEADER_BYTES = 9;

/** Calls `onHead` with the HTTP that a connection begins with, then `onFrame` with each frame, as bytes. */
function cutting(onHead: (head: Buffer) => void, onFrame: (frame: Buffer, kind: number, id: number) => void) {
  let head: Buffer | null = Buffer.alloc(0);
  const reader = new FrameReader(MAX_BYTES, (kind, id, bytes, start, end) => {
    onFrame(bytes.subarray(start - HEADER_BYTES, end), kind, id);
    return true;
  });
  return (chunk: Buffer): void => {
    if (head === null) return void reader.push(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(HEAD_END);
    if (end === -1) return;
    const [text, rest] = [head.subarray(0, end + HEAD_END.length), head.subarray(end + HEAD_END.length)];
    head = null;
    onHead(text);
    if (rest.length > 0) reader.push(rest);
  };
}

/** Passes on to `target`, `kv://host:port`, what is asked there. If there is nobody, the connection breaks. */
export async function startWireProxy(target: string, isDelivered: Fate): Promise<FaultyProxy> {
  let requests = 0;
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const kinds = new Map<number, number>();
    // One after the other, for fate may take its time.
    let passing = Promise.resolve();
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        sockets.delete(socket);
        // Fate may still have something in hand of what a server said before it died.
        if (socket === far) void passing.then(() => near.destroy());
        else far.destroy();
      });
    }
    const onRequest = (frame: Buffer, kind: number, id: number): void => {
      if (id !== 0) {
        requests += 1;
        kinds.set(id, kind);
      }
      far.write(frame);
    };
    near.on(
      "data",
      cutting((head) => far.write(head), onRequest),
    );
    const onAnswer = (frame: Buffer, id: number): void => {
      passing = passing.then(async () => {
        const isWrite = WRITES.includes(kinds.get(id) ?? 0);
        if (id === 0 || (await isDelivered({ isWrite }))) near.write(frame);
        else near.destroy();
      });
    };
    far.on(
      "data",
      cutting(
        (head) => near.write(head),
        (frame, _kind, id) => onAnswer(frame, id),
      ),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    url: `kv://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    get requests() {
      return requests;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
