/** `quorate-kv serve`: runs one server until it is told to stop. */

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { LeaderChange } from "../node.js";
import type { KvServer, ServerOptions } from "../serve.js";
import { examples } from "./data-commands.js";
import { EXIT, UsageError } from "./exit-codes.js";
import { readTimeoutMs } from "./options.js";
import { printJson, printLine } from "./output.js";
import { type Address, addressOf, type Founders, readAddress, readName, readPeerAddress, readPeers } from "./peers.js";

interface ServeOptions {
  readonly id: string;
  readonly data: string;
  readonly listen: Address;
  readonly http: Address;
  readonly peers?: Founders;
  readonly join?: readonly string[];
  readonly role: "voter" | "learner" | "witness";
  readonly address?: Address;
  readonly httpAddress?: Address;
  readonly requestTimeoutMs?: number;
  readonly json?: true;
}

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .summary("run a server")
    .description(
      "Runs one server until SIGTERM or SIGINT, which shut it down in good order; a second one ends it at once.\n" +
        "Servers that found a cluster get the same --peers; one that comes later gets --join with servers of the cluster.\n" +
        "Either counts only while its data directory is empty, and may stay. The directory makes it the server it is: keep it.",
    )
    .requiredOption("--id <name>", "this server's name among the peers", readName)
    .requiredOption("--data <directory>", "where to keep the log; made if it is missing")
    .requiredOption("--listen <host:port>", "where to listen for the other servers", readPeerAddress)
    .requiredOption(
      "--http <host:port>",
      "where to serve HTTP and the binary protocol; port 0 lets the system choose",
      readAddress,
    )
    .option(
      "--peers <list>",
      "the servers that found the cluster, this one among them: n1=host:port,n2=host:port,… (default: this one);\n" +
        "/role=learner, /role=witness and /priority=10 may follow an address",
      readPeers,
    )
    .option("--join <urls>", "join the cluster of these servers: http://host:port,…", readJoin)
    .option(
      "--role <role>",
      "with --join: voter, learner (counts nowhere) or witness (votes, keeps no values)",
      readRole,
      "voter",
    )
    .option(
      "--address <host:port>",
      "with --join: where the other servers reach this one (default: --listen)",
      readPeerAddress,
    )
    .option(
      "--http-address <host:port>",
      "where clients reach --http (default: --http, with the host of the other servers' address if it is for any)",
      readPeerAddress,
    )
    .option("--request-timeout-ms <ms>", "the most that a request waits for the cluster (default: 5000)", readTimeoutMs)
    .option("--json", "log as JSON, one object per line")
    .addHelpText(
      "after",
      examples(
        "serve --id n1 --data ./n1 --listen 127.0.0.1:7001 --http 127.0.0.1:8001",
        "serve --id n1 --data ./n1 --listen 127.0.0.1:7001 --http 127.0.0.1:8001 \\\n" +
          "      --peers n1=127.0.0.1:7001,n2=127.0.0.1:7002,n3=127.0.0.1:7003",
        "serve --id n4 --data ./n4 --listen 127.0.0.1:7004 --http 127.0.0.1:8004 --join http://127.0.0.1:8001",
      ),
    )
    .action(onServe);
}

async function onServe(options: ServeOptions): Promise<void> {
  const place = placeOf(options);
  // Loaded only here: the other commands need neither LevelDB nor an HTTP server.
  const { isStartupError, startServer } = await import("../serve.js");
  const log = createLog(options);
  const { id, data: directory, http, httpAddress, requestTimeoutMs } = options;
  try {
    const server = await startServer({
      ...{ id, ...place, listen: options.listen.text, directory, http, onError: log.error },
      ...(httpAddress === undefined ? {} : { httpAddress: httpAddress.text }),
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    });
    const stopSignal = nextSignal();
    log.listening(server);
    const unsubscribe = server.node.subscribe("leader", log.leader);
    const signal = await stopSignal;
    unsubscribe();
    await shutDown(server, signal, log);
  } catch (error) {
    if (!isStartupError(error)) throw error;
    log.error(error);
    process.exitCode = EXIT.negative;
  }
}

async function shutDown(server: KvServer, signal: NodeJS.Signals, log: Log): Promise<void> {
  const endAtOnce = () => process.exit(EXIT.negative);
  process.once("SIGTERM", endAtOnce).once("SIGINT", endAtOnce);
  log.stopping(signal);
  await server.close();
  process.off("SIGTERM", endAtOnce).off("SIGINT", endAtOnce);
  log.stopped();
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals) => {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
      resolve(signal);
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  });
}

type Log = ReturnType<typeof createLog>;

/** What a server says while it runs: lines for people, or JSON objects with an `event`. Errors go to standard error. */
function createLog({ id, listen, json }: ServeOptions) {
  let lastLeader: string | null = null;
  const say = (text: string, event: object) => (json ? printJson(event) : printLine(`${id}: ${text}`));
  return {
    listening: ({ httpUrl }: KvServer) =>
      say(`serves HTTP at ${httpUrl}, and the other servers at ${listen.text}`, {
        ...{ event: "listening", id, listen: listen.text, http: httpUrl, pid: process.pid },
      }),
    leader: ({ leaderId, leaderName, term }: LeaderChange) => {
      const leader = leaderId === 0 ? null : (leaderName ?? String(leaderId));
      // That a server which has just started knows none yet is no news.
      if (leader === null && lastLeader === null) return;
      lastLeader = leader;
      say(leader === null ? `no leader (term ${term})` : `the leader is ${leader} (term ${term})`, {
        ...{ event: "leader", id, leader, term },
      });
    },
    stopping: (signal: string) => say(`${signal}: shutting down`, { event: "stopping", id, signal }),
    stopped: () => say("stopped", { event: "stopped", id }),
    error: (error: unknown) => {
      const { code, message } = describe(error);
      process.stderr.write(
        json ? `${JSON.stringify({ event: "error", id, code, message })}\n` : `${code}: ${message}\n`,
      );
    },
  };
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: "INTERNAL", message: String(error) };
  // Errors with a code are for people; any other one is a mistake in the program, whose place matters.
  if ("code" in error && typeof error.code === "string") {
    const { cause } = error;
    const isNews = cause instanceof Error && !error.message.includes(cause.message);
    return { code: error.code, message: isNews ? `${error.message} (${cause.message})` : error.message };
  }
  return { code: "INTERNAL", message: error.stack ?? error.message };
}

/** Which part of which cluster this server is to be. */
function placeOf({
  join,
  role,
  address,
  ...options
}: ServeOptions): Pick<ServerOptions, "members" | "join" | "address"> {
  if (join === undefined) return { members: membersOf(options) };
  if (options.peers !== undefined)
    throw new UsageError("Give --peers to found a cluster, or --join to join one; not both.");
  return { join: { servers: join, role }, ...(address === undefined ? {} : { address: address.text }) };
}

function membersOf({ id, listen, peers }: Pick<ServeOptions, "id" | "listen" | "peers">): Founders {
  if (peers === undefined) return { [id]: listen.text };
  const own = peers[id];
  if (own === undefined) throw new UsageError(`--id ${id} is not among --peers (${Object.keys(peers).join(", ")}).`);
  const address = addressOf(own);
  // Hosts may differ (0.0.0.0 here, a name there); another port is a slip that would show as a server nobody reaches.
  if (address.endsWith(`:${listen.port}`)) return peers;
  throw new UsageError(`--listen is ${listen.text}, but the others would reach ${id} at ${address}, as --peers says.`);
}

function readJoin(text: string): readonly string[] {
  return text.split(",").map((url) => url.trim());
}

function readRole(text: string): string {
  if (text === "voter" || text === "learner" || text === "witness") return text;
  throw new InvalidArgumentError("A server joins as voter, learner or witness.");
}
