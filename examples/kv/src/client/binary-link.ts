/**
 * The way to a server over the binary protocol: one connection for all requests, dialled when the first comes.
 *
 * Requests wait for the connection, and fail with it: those that were not sent certainly not executed, of the others
 * nobody knows. One timer ends whatever has waited too long. A connection keeps the process alive only while somebody
 * waits for an answer on it.
 */

import { type ClientRequest, request as dial } from "node:http";
import type { Socket } from "node:net";
import { Body } from "../protocol/body.js";
import { Channel } from "../protocol/channel.js";
import { ANSWER, BEAT_MS, type LeaderNews, MAX_ANSWER_BYTES, PROTOCOL, UPGRADE_PATH } from "../protocol/protocol.js";
import { readLeader, readProblemBody, readReply, readWelcome } from "./binary-answers.js";
import { writeRequest } from "./binary-requests.js";
import {
  type Attempt,
  type DataRequest,
  type Failure,
  failureOf,
  type Link,
  type Place,
  type Reply,
  readProblem,
  serverTimeoutMs,
  timedOut,
  unreachable,
} from "./requests.js";

/** How long a server may take to let a client in. */
const DIAL_MS = 5000;
/** Of what something that is no server of ours answers, no more is read. */
const MAX_REFUSAL_BYTES = 64 * 1024;

type OnEnd = (result: Reply | Failure) => void;

class Exchange implements Attempt {
  readonly id: number;
  readonly request: DataRequest;
  readonly place: Place | null;
  readonly timeoutMs: number;
  readonly deadline: number;
  readonly onEnd: OnEnd;
  isSent = false;
  readonly #link: BinaryLink;

  constructor(
    link: BinaryLink,
    id: number,
    request: DataRequest,
    place: Place | null,
    timeoutMs: number,
    onEnd: OnEnd,
  ) {
    this.#link = link;
    this.id = id;
    this.request = request;
    this.place = place;
    this.timeoutMs = timeoutMs;
    this.deadline = performance.now() + timeoutMs;
    this.onEnd = onEnd;
  }

  cancel(): void {
    this.#link.forget(this);
  }
}

export class BinaryLink implements Link {
  readonly url: string;
  /** Who is there, and in which cluster, as it said last. */
  server = "";
  cluster = "";
  readonly #onNews: (link: BinaryLink, news: LeaderNews) => void;
  readonly #body = new Body();
  /** - `leaving`: what is under way is answered, nothing more is sent. */
  #state: "idle" | "dialling" | "open" | "leaving" = "idle";
  #dialling: ClientRequest | null = null;
  #channel: Channel | null = null;
  #beatTimer: NodeJS.Timeout | undefined;
  readonly #underWay = new Map<number, Exchange>();
  #lastId = 0;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #wakesAt = Number.POSITIVE_INFINITY;

  /** `onNews` is told what the server tells of who leads. */
  constructor(url: string, onNews: (link: BinaryLink, news: LeaderNews) => void) {
    this.url = url;
    this.#onNews = onNews;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Dials, though nobody asks for anything yet; false if there is a connection, or will be. */
  connect(): boolean {
    if (this.#state !== "idle") return false;
    this.#dial();
    return true;
  }

  /** Nothing more will be asked here: hangs up when all is answered. */
  retire(): void {
    if (this.#state === "dialling") this.#dialling?.destroy();
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#onSettled();
  }

  attempt(request: DataRequest, place: Place | null, timeoutMs: number, onEnd: OnEnd): Attempt {
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    const exchange = new Exchange(this, this.#lastId, request, place, timeoutMs, onEnd);
    if (this.#state === "leaving") {
      onEnd(unreachable("The server is shutting down."));
      return exchange;
    }
    this.#underWay.set(exchange.id, exchange);
    if (this.#underWay.size === 1) this.#want(true);
    this.#wakeAt(exchange.deadline);
    if (this.#state === "open") this.#send(exchange);
    else if (this.#state === "idle") this.#dial();
    return exchange;
  }

  close(): void {
    if (this.#underWay.size > 0) return;
    this.#dialling?.destroy();
    this.#channel?.end();
  }

  /** Its answer will not be told. */
  forget({ id }: Exchange): void {
    if (this.#underWay.delete(id)) this.#onSettled();
  }

  // --- the connection ---

  #dial(): void {
    this.#state = "dialling";
    const { hostname, port } = new URL(this.url);
    const headers = { connection: "Upgrade", upgrade: PROTOCOL };
    const host = hostname.replace(/^\[|\]$/g, "");
    const dialling = dial({ host, port, path: UPGRADE_PATH, headers, agent: false, timeout: DIAL_MS });
    this.#dialling = dialling;
    const onFailed = (failure: Failure): void => {
      if (this.#dialling !== dialling) return;
      dialling.destroy();
      this.#onLost(failure);
    };
    dialling.once("socket", () => this.#want(this.#underWay.size > 0));
    dialling.once("upgrade", (_response, socket, head) => this.#onUpgrade(socket as Socket, head));
    dialling.once("response", (response) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      response.on("data", (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes <= MAX_REFUSAL_BYTES) chunks.push(chunk);
        else dialling.destroy(new Error("It answered at length, and not with the protocol."));
      });
      response.once("end", () => onFailed(refusedBy(response.statusCode ?? 0, Buffer.concat(chunks).toString())));
    });
    dialling.once("timeout", () => dialling.destroy(new Error(`No connection within ${DIAL_MS} ms.`)));
    dialling.on("error", (cause) => onFailed(unreachable(failureOf(cause).message, cause)));
    dialling.end();
  }

  /** Only as long as somebody waits for something does this link keep the process alive. */
  #want(isWanted: boolean): void {
    this.#channel?.want(isWanted);
    const socket = this.#dialling?.socket;
    if (isWanted) socket?.ref();
    else socket?.unref();
  }

  #onUpgrade(socket: Socket, head: Buffer): void {
    this.#dialling = null;
    const channel = new Channel(socket, MAX_ANSWER_BYTES, {
      onFrame: (kind, id, bytes, start, end) => {
        this.#onFrame(channel, kind, id, this.#body.open(bytes, start, end));
        return true;
      },
      onProtocolError: ({ message }) => channel.destroy(message),
      onEnd: (reason) => {
        if (this.#channel === channel) this.#onLost(unreachable(reason ?? "The connection was closed."));
      },
    });
    this.#channel = channel;
    this.#want(this.#underWay.size > 0);
    this.#beatTimer = setInterval(() => channel.beat(), BEAT_MS);
    this.#beatTimer.unref();
    if (head.length > 0) channel.receive(head);
  }

  #onFrame(channel: Channel, kind: number, id: number, body: Body): void {
    if (kind === ANSWER.welcome) {
      const { server, cluster } = readWelcome(body);
      this.server = server;
      this.cluster = cluster;
      this.#state = "open";
      for (const exchange of this.#underWay.values()) this.#send(exchange);
    } else if (kind === ANSWER.leader) {
      this.#onNews(this, readLeader(body));
    } else if (kind === ANSWER.goingAway) {
      this.#state = "leaving";
      if (this.#underWay.size === 0) channel.end();
    } else if (id === 0 && kind === ANSWER.problem) {
      channel.destroy(`The server ended the connection: ${readProblemBody(body).problem.message}`);
    } else if (id !== 0) {
      this.#onAnswer(kind, id, body);
    }
  }

  #onAnswer(kind: number, id: number, body: Body): void {
    const exchange = this.#underWay.get(id);
    // Nobody waits for it any more.
    if (exchange === undefined) return;
    const reply = readReply(kind, body, exchange.request);
    this.#underWay.delete(id);
    this.#onSettled();
    exchange.onEnd(reply);
  }

  #send(exchange: Exchange): void {
    const channel = this.#channel as Channel;
    exchange.isSent = true;
    const timeoutMs = serverTimeoutMs(exchange.timeoutMs);
    const refusal = writeRequest(channel.writer, exchange.id, exchange.request, exchange.place, timeoutMs);
    channel.plan();
    if (refusal === null) return;
    this.forget(exchange);
    exchange.onEnd(refusal);
  }

  /** Nothing more comes from this connection. */
  #onLost(failure: Failure): void {
    clearInterval(this.#beatTimer);
    this.#state = "idle";
    this.#channel = null;
    this.#dialling = null;
    const exchanges = [...this.#underWay.values()];
    this.#underWay.clear();
    this.#onSettled();
    const lost: Failure = { ...failure, code: "CONNECTION_LOST", outcome: "unknown" };
    for (const { isSent, onEnd } of exchanges) onEnd(isSent ? lost : failure);
  }

  // --- deadlines ---

  #wakeAt(deadline: number): void {
    if (deadline >= this.#wakesAt) return;
    clearTimeout(this.#deadlineTimer);
    this.#wakesAt = deadline;
    this.#deadlineTimer = setTimeout(() => this.#expire(), Math.ceil(deadline - performance.now()));
    // What is under way keeps the process alive by its connection.
    this.#deadlineTimer.unref();
  }

  /** Mostly nothing is due: what this timer was set for is settled, and it is set anew for the first of the others. */
  #expire(): void {
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const exchange of [...this.#underWay.values()]) {
      if (exchange.deadline > now) {
        next = Math.min(next, exchange.deadline);
        continue;
      }
      this.forget(exchange);
      const { timeoutMs, isSent, onEnd } = exchange;
      onEnd(isSent ? timedOut(timeoutMs) : unreachable(`No connection within ${Math.round(timeoutMs)} ms.`));
    }
    if (next < Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }

  #onSettled(): void {
    if (this.#underWay.size > 0) return;
    if (this.#state === "leaving") this.#channel?.end();
    else this.#want(false);
  }
}

/** Whatever answered did not begin the protocol. */
function refusedBy(status: number, text: string): Failure {
  const { code, message } = readProblem(status, text).problem;
  return { kind: "failure", code, message, outcome: "not-executed", status };
}
