/**
 * One connection from either end: frames in, frames out, until it ends.
 *
 * Whatever is written in one turn of the event loop leaves with one call of the kernel. A channel ends once, for one
 * reason, and says so once. Both ends send something in every beat; one that hears nothing for several, or gets rid of
 * nothing, knows that the other one, or the way between them, is gone. Beats are counted, not timed: a process that was
 * stalled for long does not take its own absence for the other's (PITFALLS F2).
 */

import type { Socket } from "node:net";
import { FrameReader, type OnFrame } from "./frame-reader.js";
import { FrameWriter } from "./frame-writer.js";
import { BEAT_MS, PING, ProtocolError, SILENCE_MS } from "./protocol.js";

export interface ChannelHandler {
  /** A frame came in that is no ping. Throw a {@link ProtocolError} if it makes no sense. */
  readonly onFrame: OnFrame;
  /** There may be room for more to write. */
  onWritable?(): void;
  /** Bytes came in that make no sense. Nothing more will be read; `end` or `destroy` is to follow. */
  onProtocolError(error: ProtocolError): void;
  /** It is over, for this reason if it was not wanted. */
  onEnd(reason: string | null): void;
}

const SILENT_BEATS = SILENCE_MS / BEAT_MS;
/** An end that takes nothing of what is there for it for so long is gone, or stuck. */
const STALLED_BEATS = 6;
/** What the other end is granted to take the last words. */
const LAST_WORDS_MS = 1000;

export class Channel {
  /** What is written here leaves after `plan`. */
  readonly writer = new FrameWriter();
  readonly #socket: Socket;
  readonly #handler: ChannelHandler;
  readonly #reader: FrameReader;
  #state: "open" | "ending" | "ended" = "open";
  #reason: string | null = null;
  #isPaused = false;
  /** What came in made no sense: nothing that follows is looked at. */
  #isBroken = false;
  #isPlanned = false;
  #quietBeats = 0;
  #stalledBeats = 0;
  #takenBytes = 0;
  #wroteSinceBeat = true;
  #lastWordsTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, maxFrameBytes: number, handler: ChannelHandler) {
    this.#socket = socket;
    this.#handler = handler;
    this.#reader = new FrameReader(maxFrameBytes, (kind, id, bytes, start, end) => {
      if (kind === PING) return true;
      return handler.onFrame(kind, id, bytes, start, end) && this.#state === "open";
    });
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    socket.on("drain", () => handler.onWritable?.());
    socket.on("error", ({ message }) => {
      this.#reason ??= message;
    });
    socket.on("end", () => {
      this.#reason ??= "The other end hung up.";
      socket.destroy();
    });
    socket.once("close", () => {
      clearTimeout(this.#lastWordsTimer);
      this.#state = "ended";
      handler.onEnd(this.#reason);
    });
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** How many bytes the other end has yet to take. */
  get untakenBytes(): number {
    return this.#socket.writableLength + this.writer.gatheredBytes;
  }

  /** Says whether somebody waits for what comes here: only then does it keep the process alive. */
  want(isWanted: boolean): void {
    if (isWanted) this.#socket.ref();
    else this.#socket.unref();
  }

  receive(chunk: Buffer): void {
    this.#quietBeats = 0;
    this.#read(() => this.#reader.push(chunk));
  }

  /** Goes on reading where a frame was the last that was wanted. */
  resume(): void {
    if (this.#isPaused && this.#read(() => this.#reader.resume())) this.#socket.resume();
  }

  /** Has all that this turn writes leave at its end. */
  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    process.nextTick(() => {
      this.#isPlanned = false;
      this.#flush();
      if (this.#state === "open") this.#handler.onWritable?.();
    });
  }

  /** To be called every {@link BEAT_MS}. */
  beat(): void {
    if (this.#state !== "open") return;
    const { writableLength, bytesWritten } = this.#socket;
    const takenBytes = bytesWritten - writableLength;
    this.#stalledBeats = writableLength > 0 && takenBytes === this.#takenBytes ? this.#stalledBeats + 1 : 0;
    this.#takenBytes = takenBytes;
    this.#quietBeats = this.#isPaused ? 0 : this.#quietBeats + 1;
    if (this.#quietBeats > SILENT_BEATS) return this.destroy("Nothing was heard for too long.");
    if (this.#stalledBeats > STALLED_BEATS) return this.destroy("Nothing was taken for too long.");
    if (!this.#wroteSinceBeat && writableLength === 0) {
      this.writer.begin(PING, 0, 0);
      this.#flush();
      this.writer.rest();
    }
    this.#wroteSinceBeat = false;
  }

  /** Hangs up once what was written is taken. */
  end(): void {
    if (this.#state !== "open") return;
    this.#flush();
    this.#state = "ending";
    this.#socket.end();
    this.#socket.resume();
    this.#lastWordsTimer = setTimeout(() => this.#socket.destroy(), LAST_WORDS_MS);
  }

  /** Ends it now. */
  destroy(reason: string | null = null): void {
    if (this.#state === "ended") return;
    this.#state = "ending";
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  /** Lets frames in. False if no more are wanted for now. */
  #read(letIn: () => boolean): boolean {
    if (this.#state !== "open" || this.#isBroken) return false;
    try {
      this.#isPaused = !letIn();
      if (this.#isPaused) this.#socket.pause();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#isBroken = true;
      this.#handler.onProtocolError(error);
    }
    return !this.#isPaused && !this.#isBroken;
  }

  #flush(): void {
    if (this.#state !== "open" || this.writer.gatheredBytes === 0) return;
    this.#wroteSinceBeat = true;
    const pieces = this.writer.take();
    if (pieces.length === 1) {
      this.#socket.write(pieces[0] as Uint8Array);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  }
}
