/** Servers as processes of their own: for demos and tests that kill what they started. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { addressOf, type Founders, peersText } from "./cli/peers.js";

export interface SpawnOptions {
  readonly id: string;
  readonly directory: string;
  /** The servers that found the cluster. */
  readonly members?: Founders;
  /** Instead of `members`: join the cluster of `servers`, HTTP URLs, and listen at `listen`, a `host:port`. */
  readonly join?: {
    readonly servers: readonly string[];
    readonly listen: string;
    readonly role?: "voter" | "learner" | "witness";
  };
  /** `host:port` for HTTP; port 0 lets the system choose. Default 127.0.0.1:0. */
  readonly http?: string;
  readonly requestTimeoutMs?: number;
  /** Told of every line that the process writes to standard output (JSON) or standard error. */
  readonly onLine?: (line: string) => void;
}

export interface SpawnedServer {
  readonly id: string;
  readonly httpUrl: string;
  readonly process: ChildProcess;
  /** Resolves when the process is gone: with its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Sends a signal and waits for the end. SIGTERM shuts down in good order, SIGKILL is a crash. */
  stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | NodeJS.Signals>;
}

/** Starts `quorate-kv serve` and resolves when it listens; rejects with what it said if it ends before. */
export async function spawnServer(options: SpawnOptions): Promise<SpawnedServer> {
  const child = spawn(process.execPath, [...programArguments(), ...serveArguments(options)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  const complaints: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    complaints.push(line);
    options.onLine?.(line);
  });
  const httpUrl = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    createInterface({ input: child.stdout }).on("line", (line) => {
      options.onLine?.(line);
      const url = listeningUrl(line);
      if (url !== null) resolve(url);
    });
    // "close" comes after all output was read, so nothing that it said is lost.
    child.once("close", () => reject(new Error(`${options.id} did not start: ${complaints.join("\n")}`)));
  });
  const stop = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return { id: options.id, httpUrl, process: child, exited, stop };
}

/** How to run `quorate-kv` with this very Node: from its sources in the repository, from `dist` when installed. */
export function programArguments(): readonly string[] {
  const isSource = import.meta.url.endsWith(".ts");
  const main = fileURLToPath(new URL(isSource ? "./main.ts" : "./main.js", import.meta.url));
  if (!isSource) return [main];
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  return ["--conditions=source", "--import", tsx, main];
}

function serveArguments({ id, directory, http = "127.0.0.1:0", requestTimeoutMs, ...place }: SpawnOptions): string[] {
  const { members = {}, join } = place;
  const own = members[id];
  const listen = join?.listen ?? (own === undefined ? undefined : addressOf(own));
  if (listen === undefined) throw new Error(`${id} is not one of the members.`);
  const timeout = requestTimeoutMs === undefined ? [] : ["--request-timeout-ms", String(requestTimeoutMs)];
  return [
    ...["serve", "--json", "--id", id, "--data", directory, "--listen", listen],
    ...["--http", http, ...(join === undefined ? ["--peers", peersText(members)] : ["--join", join.servers.join(",")])],
    ...(join?.role === undefined ? [] : ["--role", join.role]),
    ...timeout,
  ];
}

function listeningUrl(line: string): string | null {
  if (!line.startsWith('{"event":"listening"')) return null;
  return (JSON.parse(line) as { readonly http: string }).http;
}
