/**
 * Watching through failures: one stream of revisions, from whichever server is there.
 *
 * The servers agree on what each revision changed, and each sends a revision whole. So to resume is to ask the next
 * server for what comes after the last revision seen; nothing is missed and nothing comes twice.
 */

import { Readable } from "node:stream";
import type { ReadableStream, ReadableStreamDefaultReader } from "node:stream/web";
import { createParser } from "eventsource-parser";
import { request } from "undici";
import type { EventJson } from "../wire.js";
import { type CallOptions, DEFAULT_TIMEOUT_MS } from "./call-options.js";
import { KvError } from "./errors.js";
import { type LinkedAbort, linkedAbort } from "./linked-abort.js";
import { type Failure, failureOf, readProblem, timedOut } from "./requests.js";
import { MIN_RETRY_MS, pause, type Servers, unavailable } from "./servers.js";

export type WatchEvent =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly createRevision: number;
      readonly version: number;
    }
  /** `expire`: its time was over. */
  | { readonly type: "delete" | "expire"; readonly key: string };

/** Everything that one revision changed among the watched keys, in its order. */
export interface WatchBatch {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

export interface WatchOptions extends CallOptions {
  /** Only keys that start with it; default: all. */
  readonly prefix?: string | undefined;
  /** The first revision wanted; default: whatever is written from now on. */
  readonly fromRevision?: number | undefined;
  /** Ends the watch quietly. */
  readonly signal?: AbortSignal | undefined;
  /** How long to look for a server, at the start and whenever one is lost; default 10 000. */
  readonly timeoutMs?: number | undefined;
  /** Told that everything up to a revision was delivered: once when the watch stands, then now and then. */
  readonly onProgress?: ((revision: number) => void) | undefined;
}

type Connection = {
  readonly url: string;
  readonly body: ReadableStream<Uint8Array>;
  readonly abort: LinkedAbort;
};

type Message = { readonly progress: number } | { readonly batch: WatchBatch };

/** Servers speak at least every ten seconds; one that is silent for so long is gone. */
const SILENCE_MS = 30_000;
/** The largest message: a transaction's values in base64, with room to spare. */
const MAX_MESSAGE_CHARACTERS = 16 * 1024 * 1024;

export async function* watchServers(servers: Servers, options: WatchOptions): AsyncGenerator<WatchBatch, void, void> {
  const { fromRevision, signal, onProgress } = options;
  let lastRevision = fromRevision === undefined ? null : Math.max(0, fromRevision - 1);
  const urls = servers.inTurn();
  while (signal?.aborted !== true) {
    const connection = await connect(servers, urls, options, lastRevision);
    if (connection === null) return;
    try {
      for await (const message of messagesOf(connection)) {
        if ("progress" in message) {
          lastRevision = Math.max(lastRevision ?? 0, message.progress);
          onProgress?.(lastRevision);
        } else if (message.batch.revision > (lastRevision ?? 0)) {
          lastRevision = message.batch.revision;
          yield message.batch;
        }
      }
    } finally {
      connection.abort.abort();
      connection.abort.release();
    }
    // A server that takes watches and ends them at once must not be asked without pause.
    await pause(1, Number.POSITIVE_INFINITY, signal).catch(ignoreAbort(signal));
  }
}

/** A handler that swallows the abort of a watch, which ends quietly, and nothing else. */
function ignoreAbort(signal: AbortSignal | undefined): (error: unknown) => null {
  return (error) => {
    if (signal?.aborted === true) return null;
    throw error;
  };
}

/** Finds a server that serves the watch after `lastRevision`; `null` when the watch was aborted. */
async function connect(
  servers: Servers,
  urls: Generator<string, never, void>,
  { prefix = "", signal, timeoutMs = DEFAULT_TIMEOUT_MS }: WatchOptions,
  lastRevision: number | null,
): Promise<Connection | null> {
  const query = new URLSearchParams(prefix === "" ? {} : { prefix });
  if (lastRevision !== null) query.set("from", String(lastRevision + 1));
  const deadline = performance.now() + timeoutMs;
  const attemptMs = Math.max(1000, timeoutMs / servers.urls.length);
  const failures = new Map<string, Failure>();
  const search = async (): Promise<Connection> => {
    for (let attempts = 1; ; attempts++) {
      const url = urls.next().value;
      const remainingMs = deadline - performance.now();
      if (attempts > 1 && remainingMs < MIN_RETRY_MS)
        throw unavailable(timeoutMs, failures, lastRevision === null ? {} : { lastRevision });
      const result = await openStream(url, `/v1/watch?${query}`, Math.min(attemptMs, remainingMs), signal);
      if ("abort" in result) {
        servers.prefer(url);
        return result;
      }
      failures.set(url, result);
      if (attempts % servers.urls.length === 0) await pause(attempts / servers.urls.length, deadline, signal);
    }
  };
  return search().catch(ignoreAbort(signal));
}

async function openStream(
  url: string,
  path: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Connection | Failure> {
  const abort = linkedAbort(signal, timeoutMs);
  try {
    const { statusCode: status, body } = await request(url + path, { signal: abort.signal, bodyTimeout: 0 });
    if (status === 200) {
      abort.stopTimer();
      return { url, body: Readable.toWeb(body), abort };
    }
    const { problem } = readProblem(status, await body.text());
    abort.release();
    if (status === 503) return { kind: "failure", ...problem, outcome: "not-executed" };
    throw new KvError(problem.code, problem.message, { ...problem, status, outcome: "not-executed" });
  } catch (cause) {
    abort.release();
    if (cause instanceof KvError) throw cause;
    signal?.throwIfAborted();
    return abort.isTimedOut() ? timedOut(timeoutMs, cause) : failureOf(cause);
  }
}

/** What a connection brings, until it ends for whatever reason; how it ended does not matter to the watch. */
async function* messagesOf({ body, abort }: Connection): AsyncGenerator<Message, void, void> {
  const messages: Message[] = [];
  let isBroken = false;
  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_CHARACTERS,
    onEvent: ({ data }) => messages.push({ batch: readBatch(data) }),
    onComment: (comment) => {
      const [, revision] = /^progress (\d+)$/.exec(comment) ?? [];
      if (revision !== undefined) messages.push({ progress: Number(revision) });
    },
    onError: () => {
      isBroken = true;
    },
  });
  const text = new TextDecoder();
  const reader = body.getReader();
  while (!isBroken) {
    const chunk = await readChunk(reader, abort.abort);
    if (chunk === null) return;
    parser.feed(text.decode(chunk, { stream: true }));
    yield* messages.splice(0);
  }
}

/** The next bytes; `null` at the end of the stream, however it came about. */
async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onSilence: () => void,
): Promise<Uint8Array | null> {
  const timer = setTimeout(onSilence, SILENCE_MS);
  try {
    const { value } = await reader.read();
    return value ?? null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function readBatch(data: string): WatchBatch {
  try {
    const { revision, events } = JSON.parse(data) as {
      readonly revision: number;
      readonly events: readonly EventJson[];
    };
    return { revision, events: events.map(readEvent) };
  } catch (cause) {
    const message = "What answered the watch does not send revisions; is it a quorate-kv server?";
    throw new KvError("UNEXPECTED_ANSWER", message, { outcome: "not-executed", cause });
  }
}

function readEvent(event: EventJson): WatchEvent {
  if (event.type !== "put") return event;
  const { type, key, valueBase64, createRevision, version } = event;
  return { type, key, value: Buffer.from(valueBase64, "base64"), createRevision, version };
}
