/**
 * The binary protocol at the address of HTTP: a request to upgrade its connection begins it (RFC 9110, 7.8).
 *
 * Other upgrades, which some HTTP clients ask for in passing, are not taken: their requests are served as if they had not
 * asked.
 */

import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { KvNode } from "../node.js";
import {
  BEAT_MS,
  type LeaderNews,
  MAX_REQUEST_BYTES,
  PROTOCOL,
  SILENCE_MS,
  UPGRADE_PATH,
  type Welcome,
} from "../protocol/protocol.js";
import { type Problem, problemOf, Refusal } from "../service/refusals.js";
import type { KvService } from "../service/service.js";
import type { KvStore } from "../store.js";
import { Connection, MAX_IN_FLIGHT } from "./connection.js";

export interface BinaryServerOptions {
  readonly node: KvNode;
  readonly store: KvStore;
  readonly service: KvService;
  readonly logError: (error: unknown) => void;
}

/** What asks for an upgrade, and need not be known to whoever serves the request without. */
const UPGRADE_HEADERS: ReadonlySet<string> = new Set(["connection", "upgrade", "http2-settings"]);

export class BinaryServer {
  readonly #http: Server;
  readonly #options: BinaryServerOptions;
  readonly #connections = new Set<Connection>();
  readonly #beatTimer: NodeJS.Timeout;
  readonly #unsubscribers: readonly (() => void)[];
  #leader: LeaderNews = { term: 0, leader: null };

  constructor(http: Server, options: BinaryServerOptions) {
    this.#http = http;
    this.#options = options;
    http.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket as Socket, head));
    this.#beatTimer = setInterval(() => {
      for (const connection of this.#connections) connection.beat();
    }, BEAT_MS);
    this.#beatTimer.unref();
    this.#unsubscribers = [
      options.node.subscribe("leader", ({ leaderName, term }) => this.#onLeader(leaderName, term)),
      options.store.onAddress(() => this.#onLeader(this.#leader.leader?.name ?? null, this.#leader.term)),
    ];
  }

  /** Tells every client to go elsewhere; what is under way is answered. */
  leave(): void {
    clearInterval(this.#beatTimer);
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    for (const connection of this.#connections) connection.leave();
  }

  /** Ends what is left. */
  destroy(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #onLeader(name: string | null, term: number): void {
    const url = name === null ? null : this.#options.store.addressOf(name);
    const { term: lastTerm, leader: last } = this.#leader;
    if (term === lastTerm && (last?.name ?? null) === name && (last?.url ?? null) === url) return;
    this.#leader = { term, leader: name === null ? null : { name, url } };
    for (const connection of this.#connections) connection.tellLeader(this.#leader);
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (request.url !== UPGRADE_PATH) return this.#serveWithout(request, socket, head);
    const problem = this.#refusalOf(request);
    if (problem !== null) return refuse(socket, problem);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`);
    const connection = new Connection(socket, head, {
      ...this.#options,
      welcome: this.#welcome(),
      leader: this.#leader,
    });
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
  }

  #refusalOf({ headers }: IncomingMessage): Problem | null {
    try {
      this.#options.service.checkOpen();
      const offered = (headers.upgrade ?? "").split(",").map((name) => name.trim().toLowerCase());
      if (!offered.includes(PROTOCOL)) throw unsupportedProtocol(headers.upgrade);
      return null;
    } catch (error) {
      return problemOf(error, true);
    }
  }

  #welcome(): Welcome {
    const { name, clusterId } = this.#options.node.status();
    const limits = { maxFrameBytes: MAX_REQUEST_BYTES, maxInFlight: MAX_IN_FLIGHT };
    return { server: name, cluster: clusterId, ...limits, beatMs: BEAT_MS, silenceMs: SILENCE_MS };
  }

  /** Gives the connection back to HTTP, with a request that asks for no upgrade. */
  #serveWithout({ method, url, httpVersion, rawHeaders }: IncomingMessage, socket: Socket, head: Buffer): void {
    let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string;
      if (!UPGRADE_HEADERS.has(name.toLowerCase())) text += `${name}: ${rawHeaders[at + 1]}\r\n`;
    }
    if (head.length > 0) socket.unshift(head);
    socket.unshift(Buffer.from(`${text}\r\n`, "latin1"));
    this.#http.emit("connection", socket);
    socket.resume();
  }
}

export function unsupportedProtocol(offered: string | undefined): Refusal {
  const what = offered === undefined ? "no upgrade" : JSON.stringify(offered);
  return new Refusal("UNSUPPORTED_PROTOCOL", `${UPGRADE_PATH} takes an upgrade to ${PROTOCOL}, and got ${what}.`);
}

/** Says why there is no upgrade, and hangs up. */
function refuse(socket: Socket, { status, body }: Problem): void {
  const json = JSON.stringify(body);
  socket.on("error", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nUpgrade: ${PROTOCOL}\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
  );
}
