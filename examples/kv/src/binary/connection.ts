/**
 * One client's connection: requests are begun as they come, and answered as they are ready.
 *
 * What a client has under way, and what it does not read, is bounded: beyond that the server does not read either, so
 * that TCP holds the client back.
 */

import type { Socket } from "node:net";
import { Channel } from "../protocol/channel.js";
import { ANSWER, type LeaderNews, MAX_REQUEST_BYTES, REQUEST, type Welcome } from "../protocol/protocol.js";
import { type Problem, problemOf } from "../service/refusals.js";
import type { KvService } from "../service/service.js";
import { Requests } from "./requests.js";

/** What a client may have under way; lists and transactions count for many, since their answers may be large. */
export const MAX_IN_FLIGHT = 4096;
/** With so many bytes that the client has not taken, the server begins nothing more for it. */
const MAX_UNTAKEN_BYTES = 1024 * 1024;
/** What a client that was told to leave is granted to do so by itself, when it has been answered. */
const LEAVE_MS = 1000;

export interface ConnectionOptions {
  readonly service: KvService;
  readonly welcome: Welcome;
  readonly leader: LeaderNews;
  readonly logError: (error: unknown) => void;
}

export class Connection {
  readonly #channel: Channel;
  readonly #requests: Requests;
  readonly #logError: (error: unknown) => void;
  /** The weights of the requests under way. */
  #underWay = 0;
  #isLeaving = false;
  #leaveTimer: NodeJS.Timeout | undefined;

  /** `socket` speaks the protocol from `head` on. */
  constructor(socket: Socket, head: Buffer, { service, welcome, leader, logError }: ConnectionOptions) {
    this.#logError = logError;
    this.#channel = new Channel(socket, MAX_REQUEST_BYTES, {
      onFrame: (kind, id, bytes, start, end) => {
        this.#underWay += weightOf(kind);
        this.#requests.begin(kind, id, bytes, start, end);
        return this.#hasRoom;
      },
      onWritable: () => {
        if (this.#hasRoom) this.#channel.resume();
      },
      onProtocolError: ({ message }) => {
        this.#tellProblem(0, { status: 400, body: { code: "BAD_FRAME", message } });
        this.#channel.end();
        this.#requests.end();
      },
      onEnd: () => {
        this.#requests.end();
        clearTimeout(this.#leaveTimer);
      },
    });
    this.#requests = new Requests(service, this.#channel.writer, {
      onAnswered: (kind) => this.#onAnswered(kind),
      onError: (error, kind, id, isRead) => this.#onError(error, kind, id, isRead),
    });
    this.#tell(ANSWER.welcome, welcome);
    this.tellLeader(leader);
    if (head.length > 0) this.#channel.receive(head);
  }

  tellLeader(news: LeaderNews): void {
    if (this.#channel.isOpen) this.#tell(ANSWER.leader, news);
  }

  /** To be called every `BEAT_MS`. */
  beat(): void {
    this.#channel.beat();
  }

  /** Tells the client to go elsewhere; it is answered what it has asked for, and may then hang up. */
  leave(): void {
    if (this.#isLeaving || !this.#channel.isOpen) return;
    this.#isLeaving = true;
    this.#channel.writer.begin(ANSWER.goingAway, 0, 0);
    this.#channel.plan();
    this.#endWhenAnswered();
  }

  destroy(): void {
    this.#channel.destroy();
  }

  get #hasRoom(): boolean {
    return this.#underWay < MAX_IN_FLIGHT && this.#channel.untakenBytes < MAX_UNTAKEN_BYTES;
  }

  #onAnswered(kind: number): void {
    this.#underWay -= weightOf(kind);
    this.#channel.plan();
    if (this.#isLeaving) this.#endWhenAnswered();
  }

  #onError(error: unknown, kind: number, id: number, isRead: boolean): void {
    const problem = problemOf(error, isRead);
    if (problem.status === 500) this.#logError(error);
    this.#tellProblem(id, problem);
    this.#onAnswered(kind);
  }

  #tell(kind: number, content: object): void {
    const text = JSON.stringify(content);
    const sizeBytes = Buffer.byteLength(text);
    this.#channel.writer.begin(kind, 0, sizeBytes);
    this.#channel.writer.text(text, sizeBytes);
    this.#channel.plan();
  }

  #tellProblem(id: number, { status, body }: Problem): void {
    const { writer } = this.#channel;
    const text = JSON.stringify(body);
    const sizeBytes = Buffer.byteLength(text);
    writer.begin(ANSWER.problem, id, 2 + sizeBytes);
    writer.u16(status);
    writer.text(text, sizeBytes);
  }

  #endWhenAnswered(): void {
    if (this.#underWay > 0) return;
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = setTimeout(() => this.#channel.end(), LEAVE_MS);
  }
}

function weightOf(kind: number): number {
  if (kind === REQUEST.list) return MAX_IN_FLIGHT / 4;
  return kind === REQUEST.txn ? MAX_IN_FLIGHT / 64 : 1;
}
