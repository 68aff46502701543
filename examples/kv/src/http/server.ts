/** An HTTP server around a node: from its parts to a listening address, and back to nothing. */

import type { AddressInfo, Socket } from "node:net";
import { BinaryServer } from "../binary/server.js";
import type { KvNode } from "../node.js";
import { Readiness } from "../readiness.js";
import { KvService } from "../service/service.js";
import type { KvStore } from "../store.js";
import { createApp } from "./app.js";
import { WatchHub, type WatchHubOptions } from "./watch-hub.js";

export interface HttpServerOptions extends WatchHubOptions {
  readonly node: KvNode;
  /** The state machine of `node`. */
  readonly store: KvStore;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** The most that one request waits for the cluster. */
  readonly requestTimeoutMs: number;
  /** Told of errors that became a 500. */
  readonly logError: (error: unknown) => void;
}

export interface HttpServer {
  readonly url: string;
  /** Resolves with true when the server has caught up with the cluster, with false when it is closed before. */
  readonly caughtUp: Promise<boolean>;
  /** Takes no more requests, ends the watches, finishes what is under way within bounds. Leaves `node` open. */
  close(): Promise<void>;
}

/** Beyond the request timeout, what a closing server grants answers to reach their clients. */
const CLOSE_GRACE_MS = 1000;

/** Starts to listen. Rejects with the error of Node when the address cannot be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { node, store, requestTimeoutMs } = options;
  const watchHub = new WatchHub(store, options);
  const readiness = new Readiness(node, {
    timeoutMs: requestTimeoutMs,
    // A watch on a server that is cut off would stay silent for ever; its client finds a better server.
    onLeaderless: () => watchHub.endAll("this server knows no leader"),
  });
  const parts = { node, store, readiness, requestTimeoutMs };
  const service = new KvService(parts);
  const app = createApp({ ...parts, watchHub, service }, options.logError);
  const binary = new BinaryServer(app.server, { node, store, service, logError: options.logError });
  const connections = new Set<Socket>();
  app.server.on("connection", (socket) => {
    if (readiness.isClosed) socket.destroy();
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  const close = async () => {
    readiness.close();
    watchHub.close();
    binary.leave();
    // Node counts a connection that never sent anything as busy; browsers keep such ones in store.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    const late = setTimeout(() => {
      app.server.closeAllConnections();
      binary.destroy();
    }, requestTimeoutMs + CLOSE_GRACE_MS);
    await app.close();
    clearTimeout(late);
  };
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await close();
    throw error;
  }
  return { url: urlOf(app.server.address() as AddressInfo), caughtUp: readiness.caughtUp, close };
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
