/** A whole server of the store: the Raft node with its data directory, and both protocols in front of it. */

import { type Founder, type JoinGrant, type MemberRole, type Newcomer, openNode, RaftError } from "quorate";
import { Announcer } from "./announcer.js";
import { KvError } from "./client/errors.js";
import { KvClient } from "./client.js";
import { commandCodec } from "./command-codec.js";
import type { KvCommand, KvResult } from "./commands.js";
import { type HttpServer, startHttpServer } from "./http/server.js";
import type { KvNode } from "./node.js";
import { KvStore } from "./store.js";

export interface ServerOptions {
  /** This server's name: unique in the cluster, and stable. */
  readonly id: string;
  /**
   * The servers that found the cluster, this one included: name to the `host:port` at which the others reach it, with its
   * role and priority if it is to have another one than most.
   */
  readonly members?: Readonly<Record<string, string | Founder>>;
  /** Instead of `members`: servers of a cluster to join, as HTTP URLs. Asked only while nothing is stored here. */
  readonly join?: { readonly servers: readonly string[]; readonly role?: MemberRole };
  /** Where to listen for the other servers; default: the own address among `members`. */
  readonly listen?: string;
  /** Where the other servers reach this one; default: as among `members`, or `listen`. */
  readonly address?: string;
  /** Where this server keeps its log; made if it is missing. */
  readonly directory: string;
  /** Where to serve HTTP, and the binary protocol. */
  readonly http: { readonly host: string; readonly port: number };
  /**
   * Where clients reach that, as `host:port`; default: as `http` says, with the host of `address` if `http` is for any.
   * The other servers tell it to clients while this one leads.
   */
  readonly httpAddress?: string;
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
  readonly code: "HTTP_LISTEN_FAILED" | "JOIN_FAILED";

  constructor(code: StartError["code"], message: string, options: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export const DEFAULT_REQUEST_TIMEOUT_MS = 5000;

const ANY_HOSTS: ReadonlySet<string> = new Set(["0.0.0.0", "[::]"]);

/** Starts a server. Rejects with a `RaftError` or a {@link StartError}, and has left nothing open then. */
export async function startServer(options: ServerOptions): Promise<KvServer> {
  const { id, directory, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, onError = () => undefined } = options;
  const store = new KvStore();
  const isWitness = roleOf(options) === "witness";
  const part = isWitness ? ({ role: "witness" } as const) : { stateMachine: store };
  const node: KvNode = await openNode<KvCommand, KvResult>({
    id,
    directory,
    ...placeOf(options),
    clusterName: "quorate-kv",
    codec: commandCodec,
    // Without this, nobody would know why it takes no part.
    onWarning: (warning) => {
      if (warning instanceof RaftError && warning.code === "FOUNDERS_AWAITED") onError(warning);
    },
    ...part,
  });
  node.subscribe("fatal", (fatal) => {
    if (fatal !== null) onError(fatal.error);
  });
  const http = await startHttp(options, { node, store, requestTimeoutMs, logError: onError });
  const url = clientUrl(options, http.url);
  const announcer = new Announcer({ node, store, server: id, url, timeoutMs: requestTimeoutMs });
  // A witness does not lead.
  if (!isWitness) void http.caughtUp.then((hasCaughtUp) => (hasCaughtUp ? announcer.announce() : undefined));
  return {
    id,
    httpUrl: http.url,
    node,
    caughtUp: http.caughtUp,
    close: async () => {
      announcer.close();
      await http.close();
      // So that nobody has to wait for an election.
      await node.close({ handOver: true });
    },
  };
}

/** Where clients reach a server that listens at `listeningUrl`. */
function clientUrl({ id, httpAddress, address, listen, members }: ServerOptions, listeningUrl: string): string {
  if (httpAddress !== undefined) return `http://${httpAddress}`;
  const url = new URL(listeningUrl);
  if (!ANY_HOSTS.has(url.hostname)) return listeningUrl;
  const founder = members?.[id];
  const own = address ?? (typeof founder === "object" ? founder.address : founder) ?? listen;
  if (own !== undefined) url.host = `${own.slice(0, own.lastIndexOf(":"))}:${url.port}`;
  return url.origin;
}

/** As what it founds its cluster, or joins it. */
function roleOf({ id, members, join }: ServerOptions): MemberRole | undefined {
  const founder = members?.[id];
  return join?.role ?? (typeof founder === "object" ? founder.role : undefined);
}

/** Which part of which cluster this server is to be. */
function placeOf(
  options: ServerOptions,
): Pick<Parameters<typeof openNode>[0], "members" | "join" | "listen" | "address"> {
  const { members, join, listen, address } = options;
  const own = address ?? listen;
  return {
    ...(members === undefined ? {} : { members }),
    ...(listen === undefined ? {} : { listen }),
    ...(address === undefined ? {} : { address }),
    ...(join === undefined || own === undefined
      ? {}
      : { join: (request) => askToJoin(join, { ...request, address: own }) }),
  };
}

/** Throws a {@link StartError} that says why, if the cluster does not take this server in. */
async function askToJoin(
  { servers, role = "voter" }: NonNullable<ServerOptions["join"]>,
  request: Omit<Newcomer, "role">,
): Promise<JoinGrant> {
  try {
    return await new KvClient({ servers }).admin.join({ ...request, role });
  } catch (cause) {
    if (!(cause instanceof KvError)) throw cause;
    throw new StartError("JOIN_FAILED", `The cluster did not take this server in: ${cause.code}: ${cause.message}`, {
      cause,
    });
  }
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
    throw new StartError("HTTP_LISTEN_FAILED", `Cannot serve HTTP at ${host}:${port}: ${reason}.`, { cause });
  }
}

/** Whether `error` is one that people can act on, so that its code and message say it all. */
export function isStartupError(error: unknown): error is RaftError | StartError {
  return error instanceof RaftError || error instanceof StartError;
}
