/** A whole server of the store: the Raft node with its data directory, and HTTP in front of it. */

import { openNode, RaftError } from "quorate";
import type { KvCommand, KvResult } from "./commands.js";
import { type HttpServer, startHttpServer } from "./http/server.js";
import type { KvNode } from "./node.js";
import { KvStore } from "./store.js";

export interface ServerOptions {
  /** This server's name among `members`. */
  readonly id: string;
  /** All servers of the cluster: name to the `host:port` at which the others reach it. */
  readonly members: Readonly<Record<string, string>>;
  /** Where to listen for the other servers; default: the own address among `members`. */
  readonly listen?: string;
  /** Where this server keeps its log; made if it is missing. */
  readonly directory: string;
  readonly http: { readonly host: string; readonly port: number };
  /** The most that one request waits for the cluster; default 5000. */
  readonly requestTimeoutMs?: number;
  /** Told of the error that stopped the node, and of those that became a 500. */
  readonly onError?: (error: unknown) => void;
}

export interface KvServer {
  readonly id: string;
  /** Where it serves HTTP, with the port that it really got. */
  readonly httpUrl: string;
  readonly node: KvNode;
  /** Resolves with true when this server has caught up with the cluster, with false when it is closed before. */
  readonly caughtUp: Promise<boolean>;
  /** Finishes what is under way, within bounds, and leaves nothing behind. */
  close(): Promise<void>;
}

/** Why a server could not start; beside the `RaftError`s of its node. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly code = "HTTP_LISTEN_FAILED";
}

export const DEFAULT_REQUEST_TIMEOUT_MS = 5000;

/** Starts a server. Rejects with a `RaftError` or a {@link StartError}, and has left nothing open then. */
export async function startServer(options: ServerOptions): Promise<KvServer> {
  const { id, directory, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, onError = () => undefined } = options;
  const store = new KvStore();
  const node: KvNode = await openNode<KvCommand, KvResult>({
    id,
    members: options.members,
    ...(options.listen === undefined ? {} : { listen: options.listen }),
    directory,
    clusterName: "quorate-kv",
    stateMachine: store,
  });
  node.subscribe("fatal", (fatal) => {
    if (fatal !== null) onError(fatal.error);
  });
  const http = await startHttp(options, { node, store, requestTimeoutMs, logError: onError });
  return {
    id,
    httpUrl: http.url,
    node,
    caughtUp: http.caughtUp,
    close: async () => {
      await http.close();
      await node.close();
    },
  };
}

async function startHttp(
  { http: { host, port } }: ServerOptions,
  parts: Omit<Parameters<typeof startHttpServer>[0], "host" | "port">,
): Promise<HttpServer> {
  try {
    return await startHttpServer({ ...parts, host, port });
  } catch (cause) {
    await parts.node.close();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot serve HTTP at ${host}:${port}: ${reason}.`, { cause });
  }
}

/** Whether `error` is one that people can act on, so that its code and message say it all. */
export function isStartupError(error: unknown): error is RaftError | StartError {
  return error instanceof RaftError || error instanceof StartError;
}
