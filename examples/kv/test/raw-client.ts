/** A client of the binary protocol that says what it is told to, byte by byte, and shows what it hears. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Body } from "../src/protocol/body.js";
import { FrameReader } from "../src/protocol/frame-reader.js";
import { FrameWriter } from "../src/protocol/frame-writer.js";
import { PROTOCOL, UPGRADE_PATH } from "../src/protocol/protocol.js";

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly body: Buffer;
}

export class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly writer = new FrameWriter();
  head = "";
  isEnded = false;
  #onChange: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader(16 * 1024 * 1024, (kind, id, bytes, start, end) => {
      this.frames.push({ kind, id, body: Buffer.from(bytes.subarray(start, end)) });
      return true;
    });
    let text: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      if (this.head === "") {
        text = Buffer.concat([text, chunk]);
        const end = text.indexOf("\r\n\r\n");
        if (end === -1) return;
        this.head = text.subarray(0, end).toString();
        if (this.head.startsWith("HTTP/1.1 101")) reader.push(text.subarray(end + 4));
        else this.head += `\n${text.subarray(end + 4)}`;
      } else {
        reader.push(chunk);
      }
      this.#onChange();
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.isEnded = true;
      this.#onChange();
    });
  }

  /** Dials `url`, and asks for `protocol` unless that is empty. */
  static async open(url: string, protocol: string = PROTOCOL): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const client = new RawClient(socket);
    if (protocol !== "")
      socket.write(`GET ${UPGRADE_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
    return client;
  }

  /** Sends what `writer` holds. */
  send(): void {
    for (const piece of this.writer.take()) this.socket.write(piece);
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  /** The answer to a request, as soon as it is here. */
  async answer(id: number): Promise<Frame> {
    await this.until(() => this.frames.some((frame) => frame.id === id) || this.isEnded);
    const frame = this.frames.find((each) => each.id === id);
    if (frame === undefined) throw new Error("The connection ended before the answer came.");
    return frame;
  }
}

export function bodyOf({ body }: Frame): Body {
  return new Body().open(body, 0, body.length);
}

/** What a problem says: its status and its JSON. */
export function problemOf(frame: Frame): { readonly status: number; readonly code: string; readonly message: string } {
  const body = bodyOf(frame);
  return { status: body.u16(), ...(body.json() as { code: string; message: string }) };
}
