/**
 * From the frames of requests to the service, and from what it answers to frames.
 *
 * What a body lacks or has too much ends the connection, for then nothing that follows can be trusted; what is merely not
 * acceptable is refused, as it is over HTTP.
 */

import type { Comparison, KvEntry, KvResult } from "../commands.js";
import type { Freshness } from "../node.js";
import { Body, pack } from "../protocol/body.js";
import type { FrameWriter } from "../protocol/frame-writer.js";
import { ANSWER, FRESHNESS, ProtocolError, REQUEST, WRITE_FLAGS } from "../protocol/protocol.js";
import { Refusal } from "../service/refusals.js";
import type { ClientCommand, KvService, Page, Patience, Place } from "../service/service.js";
import { readTxn } from "../service/txn.js";
import type { SessionJson } from "../wire.js";

export interface RequestsHandler {
  /** An answer is in the writer, to a request of this kind. */
  onAnswered(kind: number): void;
  /** A request is to be answered with an error. */
  onError(error: unknown, kind: number, id: number, isRead: boolean): void;
}

const MAX_FLAGS = Object.values(WRITE_FLAGS).reduce((sum, flag) => sum + flag, 0);
const U64_BYTES = 8;

export class Requests {
  readonly #service: KvService;
  readonly #writer: FrameWriter;
  readonly #handler: RequestsHandler;
  readonly #body = new Body();
  #isEnded = false;

  constructor(service: KvService, writer: FrameWriter, handler: RequestsHandler) {
    this.#service = service;
    this.#writer = writer;
    this.#handler = handler;
  }

  /** Nobody reads the answers any more. */
  end(): void {
    this.#isEnded = true;
  }

  /** Throws a {@link ProtocolError} if the request makes no sense. Everything else is answered. */
  begin(kind: number, id: number, bytes: Buffer, start: number, end: number): void {
    const body = this.#body.open(bytes, start, end);
    try {
      const timeoutMs = body.u32();
      const patience: Patience = timeoutMs === 0 ? {} : { timeoutMs };
      this.#service.checkOpen();
      this.#dispatch(kind, id, body, patience);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      this.#fail(error, kind, id);
    }
  }

  #dispatch(kind: number, id: number, body: Body, patience: Patience): void {
    switch (kind) {
      case REQUEST.put:
      case REQUEST.delete: {
        const head = readWriteHead(body);
        const { place } = head;
        const command = kind === REQUEST.put ? readPut(body, head) : readDelete(body, head);
        const answering = this.#service.write(command, place, patience);
        return this.#answer(answering, kind, id, (result) => this.#onWritten(id, result));
      }
      case REQUEST.get: {
        const freshness = readFreshness(body);
        const key = readText(body, body.restBytes, "key");
        return this.#answer(this.#service.get(key, freshness, patience), kind, id, (entry) => this.#onEntry(id, entry));
      }
      case REQUEST.list: {
        const freshness = readFreshness(body);
        const isLimited = body.u8() !== 0;
        const limit = body.u64();
        const prefix = readText(body, body.u32(), "prefix");
        const cursor = body.restBytes === 0 ? undefined : readText(body, body.restBytes, "cursor");
        const request = { ...freshness, prefix, limit: isLimited ? limit : undefined, cursor };
        return this.#answer(this.#service.list(request, patience), kind, id, (page) => this.#onPage(id, page));
      }
      case REQUEST.txn: {
        const { place, condition, ttlMs } = readWriteHead(body);
        if (condition !== undefined || ttlMs !== undefined)
          throw new ProtocolError("A transaction has its conditions and times in itself.");
        const answering = this.#service.transact(readTxn(body.unpack()), place, patience);
        return this.#answer(answering, kind, id, ({ succeeded, revision, results }) =>
          this.#packed(ANSWER.txn, id, { succeeded, revision, results }),
        );
      }
      default:
        return this.#dispatchSession(kind, id, body, patience);
    }
  }

  #dispatchSession(kind: number, id: number, body: Body, patience: Patience): void {
    if (kind === REQUEST.openSession) {
      const expiresAfterMs = body.u64();
      body.finish();
      const opening = this.#service.openSession(expiresAfterMs === 0 ? undefined : expiresAfterMs, patience);
      return this.#answer(opening, kind, id, (session) => this.#onSession(id, session));
    }
    if (kind !== REQUEST.keepSession && kind !== REQUEST.closeSession)
      throw new Refusal("BAD_REQUEST", `There is no request of kind ${kind}.`);
    const session = body.u64();
    body.finish();
    const tending =
      kind === REQUEST.keepSession
        ? this.#service.keepSession(session, patience)
        : this.#service.closeSession(session, patience);
    this.#answer(tending, kind, id, () => this.#writer.begin(ANSWER.done, id, 0));
  }

  #answer<Result>(answering: Promise<Result>, kind: number, id: number, write: (result: Result) => void): void {
    answering.then(
      (result) => {
        if (this.#isEnded) return;
        write(result);
        this.#handler.onAnswered(kind);
      },
      (error) => this.#fail(error, kind, id),
    );
  }

  #fail(error: unknown, kind: number, id: number): void {
    const isRead = kind === REQUEST.get || kind === REQUEST.list;
    if (!this.#isEnded) this.#handler.onError(error, kind, id, isRead);
  }

  #onWritten(id: number, result: KvResult): void {
    const writer = this.#writer;
    switch (result.type) {
      case "put":
        writer.begin(ANSWER.written, id, 3 * U64_BYTES);
        writer.u64(result.revision);
        writer.u64(result.createRevision);
        return writer.u64(result.version);
      case "delete":
        writer.begin(ANSWER.deleted, id, U64_BYTES);
        return writer.u64(result.revision);
      case "conflict":
        writer.begin(ANSWER.conflict, id, U64_BYTES);
        return writer.u64(result.revision);
    }
  }

  #onEntry(id: number, entry: KvEntry | null): void {
    const writer = this.#writer;
    if (entry === null) return writer.begin(ANSWER.absent, id, 0);
    writer.begin(ANSWER.entry, id, 3 * U64_BYTES + entry.value.length);
    writer.u64(entry.revision);
    writer.u64(entry.createRevision);
    writer.u64(entry.version);
    // The store never writes to it.
    writer.bytes(entry.value);
  }

  #onPage(id: number, page: Page): void {
    const entries = page.entries.map(({ expiresAtMs: _, ...entry }) => entry);
    this.#packed(ANSWER.page, id, { ...page, entries });
  }

  #onSession(id: number, session: SessionJson): void {
    this.#writer.begin(ANSWER.session, id, 2 * U64_BYTES);
    this.#writer.u64(session.id);
    this.#writer.u64(session.expiresAfterMs);
  }

  #packed(kind: number, id: number, content: object): void {
    const bytes = pack(content);
    this.#writer.begin(kind, id, bytes.length);
    this.#writer.bytes(bytes);
  }
}

interface WriteHead {
  readonly place: Place | null;
  readonly condition: Comparison | undefined;
  readonly ttlMs: number | undefined;
}

function readWriteHead(body: Body): WriteHead {
  const flags = body.u8();
  if (flags > MAX_FLAGS) throw new ProtocolError(`There is no write with the flags ${flags}.`);
  const place = readPlace(flags, body);
  const condition = readCondition(flags, body);
  return { place, condition, ttlMs: (flags & WRITE_FLAGS.expires) === 0 ? undefined : body.u64() };
}

function readPlace(flags: number, body: Body): Place | null {
  if ((flags & WRITE_FLAGS.inSession) === 0) return null;
  const isRetry = (flags & WRITE_FLAGS.isFirst) === 0;
  return { session: body.u64(), sequence: body.u64(), acknowledgedBelow: body.u64(), isRetry };
}

function readCondition(flags: number, body: Body): Comparison | undefined {
  if ((flags & WRITE_FLAGS.ifRevision) !== 0) return { target: "revision", operator: "=", operand: body.u64() };
  if ((flags & WRITE_FLAGS.ifExists) !== 0) return { target: "revision", operator: ">", operand: 0 };
  return undefined;
}

function readPut(body: Body, { condition, ttlMs }: WriteHead): ClientCommand {
  const key = readText(body, body.u16(), "key");
  const value = body.bytes(body.restBytes);
  if (ttlMs === undefined && condition === undefined) return { type: "put", key, value };
  return {
    type: "put",
    key,
    value,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(condition === undefined ? {} : { condition }),
  };
}

function readDelete(body: Body, { condition, ttlMs }: WriteHead): ClientCommand {
  if (ttlMs !== undefined) throw new ProtocolError("What is deleted does not expire.");
  const key = readText(body, body.restBytes, "key");
  return condition === undefined ? { type: "delete", key } : { type: "delete", key, condition };
}

const LEVELS: readonly Freshness[] = [
  { consistency: "linearizable" },
  { consistency: "lease" },
  { consistency: "stale" },
];

function readFreshness(body: Body): Freshness {
  const level = body.u8();
  const freshness = LEVELS[level & ~FRESHNESS.bounded];
  if (freshness === undefined) throw new ProtocolError(`There is no consistency ${level}.`);
  return (level & FRESHNESS.bounded) === 0 ? freshness : { ...freshness, maxStalenessMs: body.u64() };
}

function readText(body: Body, sizeBytes: number, what: "key" | "prefix" | "cursor"): string {
  const text = body.text(sizeBytes);
  if (text !== null) return text;
  throw new Refusal(what === "key" ? "INVALID_KEY" : "INVALID_QUERY", `The ${what} is not UTF-8.`);
}
