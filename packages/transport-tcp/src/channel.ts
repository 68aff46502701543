/**
 * One TCP connection, from either end: first a handshake each way, then frames, until it ends.
 *
 * A channel ends once, for one reason, and says so once; whatever the socket reports after that is of no interest
 * (PITFALLS F19). The end comes from a broken socket, from bytes that make no sense, from a handshake that takes too
 * long, or from silence: both ends send something in every beat, so an end that hears nothing for many beats knows
 * that the other one, or the way between them, is gone. Beats are counted, not timed: a process that was stalled for
 * long does not take its own absence for the other's (PITFALLS F2).
 */

import type { Socket } from "node:net";
import { FrameError, KEEP_ALIVE } from "./frame.js";
import { type FrameHandler, FrameReader } from "./frame-reader.js";
import { decodeHandshake, encodeHandshake, type Handshake, HandshakeError, MAX_HANDSHAKE_BYTES } from "./handshake.js";
import type { Failure } from "./warning.js";

/**
 * How often each end says something. Part of the protocol: the other end relies on it. Rarely, for every beat wakes both
 * ends, and a cluster at rest does little else.
 */
export const BEAT_MS = 1000;

export interface ChannelLimits {
  /** The largest frame that may come in. */
  readonly maxFrameBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly silenceTimeoutMs: number;
}

export interface ChannelHandler {
  /** The other end has introduced itself. */
  onHandshake(handshake: Handshake): void;
  /** A frame came in: see {@link FrameHandler}. Throw a {@link FrameError} if it is not good. */
  readonly onFrame: FrameHandler;
  /** The socket wants more; called after `isBlocked` was true. */
  onDrain(): void;
  /** It is over. `failure` is null if this end wanted it so, or the other end hung up. */
  onEnd(failure: Failure | null): void;
}

export class Channel {
  readonly #socket: Socket;
  readonly #handler: ChannelHandler;
  readonly #reader: FrameReader;
  readonly #maxQuietBeats: number;
  readonly #handshakeTimer: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  #state: "handshake" | "frames" | "refused" | "ended" = "handshake";
  /** What came in of the handshake. */
  #opening = Buffer.alloc(0);
  #failure: Failure | null = null;
  #quietBeats = 0;
  #wroteSinceBeat = false;

  constructor(socket: Socket, limits: ChannelLimits, handler: ChannelHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#reader = new FrameReader(limits.maxFrameBytes, (body, isGiven) => this.#onFrame(body, isGiven));
    this.#maxQuietBeats = Math.ceil(limits.silenceTimeoutMs / BEAT_MS);
    this.#handshakeTimer = setTimeout(() => {
      const failure: Failure = { code: "SILENT", reason: `no handshake within ${limits.handshakeTimeoutMs} ms.` };
      void this.end(this.#state === "refused" ? null : failure);
    }, limits.handshakeTimeoutMs);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("drain", () => {
      if (this.#state === "frames") handler.onDrain();
    });
    socket.on("error", (cause) => {
      if (this.#state === "ended" || this.#state === "refused") return;
      this.#failure = { code: "CONNECTION_LOST", reason: `${cause.message}.`, cause };
    });
    this.#ended = new Promise((resolve) => {
      socket.once("close", () => {
        this.#onClose();
        resolve();
      });
    });
  }

  /** Says who this end is. */
  introduce(handshake: Handshake): void {
    this.#socket.write(encodeHandshake(handshake));
  }

  /** Says why this end does not want the other, and hangs up once that is said. */
  refuse(handshake: Handshake): void {
    this.#state = "refused";
    this.#socket.end(encodeHandshake(handshake));
  }

  /** The other end is who it should be: from here on frames may go both ways. */
  establish(): void {
    clearTimeout(this.#handshakeTimer);
    this.#state = "frames";
  }

  /** Whether the socket has enough for now: `onDrain` will come. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Writes `pieces` with one call of the kernel, if it takes them. */
  write(pieces: readonly Uint8Array[]): void {
    this.#wroteSinceBeat = true;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** To be called every {@link BEAT_MS}. */
  beat(): void {
    if (this.#state !== "frames") return;
    this.#quietBeats += 1;
    if (this.#quietBeats > this.#maxQuietBeats) {
      void this.end({ code: "SILENT", reason: `nothing was heard for ${this.#maxQuietBeats * BEAT_MS} ms.` });
    } else if (!this.#wroteSinceBeat && !this.isBlocked) {
      this.#socket.write(KEEP_ALIVE);
    }
    this.#wroteSinceBeat = false;
  }

  /** Ends the connection now. Resolves when nothing is left of it. */
  end(failure: Failure | null): Promise<void> {
    if (this.#state !== "ended") {
      this.#state = "ended";
      this.#failure = failure;
      this.#socket.destroy();
    }
    return this.#ended;
  }

  #onClose(): void {
    clearTimeout(this.#handshakeTimer);
    this.#state = "ended";
    this.#handler.onEnd(this.#failure);
  }

  #onData(chunk: Buffer): void {
    this.#quietBeats = 0;
    try {
      if (this.#state === "handshake") this.#onHandshakeBytes(chunk);
      else if (this.#state === "frames") this.#reader.push(chunk);
    } catch (error) {
      if (error instanceof HandshakeError)
        void this.end({ code: "BAD_HANDSHAKE", reason: error.message, cause: error });
      else if (error instanceof FrameError) void this.end({ code: "BAD_FRAME", reason: error.message, cause: error });
      else throw error;
    }
  }

  #onHandshakeBytes(chunk: Buffer): void {
    const before = this.#opening.length;
    this.#opening = Buffer.concat([this.#opening, chunk.subarray(0, MAX_HANDSHAKE_BYTES - before)]);
    const decoded = decodeHandshake(this.#opening);
    if (decoded === null) return;
    this.#handler.onHandshake(decoded.handshake);
    // The other end may have gone on at once.
    if (this.#state === "frames") this.#reader.push(chunk.subarray(decoded.sizeBytes - before));
  }

  #onFrame(body: Uint8Array, isGiven: boolean): void {
    // What follows in the same chunk after the end is nobody's business any more.
    if (this.#state === "frames" && body.length > 0) this.#handler.onFrame(body, isGiven);
  }
}
