/** What servers say over the binary protocol, checked: nothing that comes from the network is trusted. */

import type { KvEntry } from "../commands.js";
import type { Body } from "../protocol/body.js";
import { ANSWER, type LeaderNews, ProtocolError, type Welcome } from "../protocol/protocol.js";
import { type DataRequest, type ProblemReply, type Reply, readProblem } from "./requests.js";
import type { ListAnswer, TxnAnswer } from "./types.js";

/** The answer to `request`. */
export function readReply(kind: number, body: Body, request: DataRequest): Reply {
  switch (kind) {
    case ANSWER.written:
      return { kind: "written", revision: body.u64(), createRevision: body.u64(), version: body.u64() };
    case ANSWER.deleted: {
      const revision = body.u64();
      return revision === 0 ? { kind: "absent" } : { kind: "deleted", revision };
    }
    case ANSWER.conflict:
      return { kind: "conflict", revision: body.u64() };
    case ANSWER.entry:
      return { kind: "entry", entry: readEntry(body, request) };
    case ANSWER.absent:
      return { kind: "absent" };
    case ANSWER.page:
      return { kind: "page", page: checkPage(body.unpack()) };
    case ANSWER.txn:
      return { kind: "txn", answer: checkTxn(body.unpack()) };
    case ANSWER.session:
      return { kind: "session", id: body.u64() };
    case ANSWER.done:
      return { kind: "done" };
    case ANSWER.problem:
      return readProblemBody(body);
    default:
      throw new ProtocolError(`There is no answer of kind ${kind}.`);
  }
}

/** The part of a welcome that a client goes by. */
export function readWelcome(body: Body): Pick<Welcome, "server" | "cluster"> {
  const { server, cluster } = asObject(body.json());
  return { server: asText(server), cluster: asText(cluster) };
}

export function readLeader(body: Body): LeaderNews {
  const { term, leader } = asObject(body.json());
  if (leader === null) return { term: asNumber(term), leader };
  const { name, url } = asObject(leader);
  return { term: asNumber(term), leader: { name: asText(name), url: url === null ? null : asText(url) } };
}

export function readProblemBody(body: Body): ProblemReply {
  const status = body.u16();
  return readProblem(status, body.bytes(body.restBytes).toString());
}

function readEntry(body: Body, request: DataRequest): KvEntry {
  if (request.kind !== "get") throw new ProtocolError("An entry is no answer to what was asked.");
  const { key } = request;
  const revision = body.u64();
  const createRevision = body.u64();
  const version = body.u64();
  // A copy: a view would keep all in memory that came along with it.
  return { key, value: Buffer.from(body.bytes(body.restBytes)), revision, createRevision, version };
}

function checkPage(content: unknown): ListAnswer {
  const { revision, entries, nextCursor } = asObject(content);
  if (!Array.isArray(entries)) throw unsound();
  const page = { revision: asNumber(revision), entries: entries.map(checkEntry) };
  if (nextCursor === undefined) return page;
  return { ...page, nextCursor: asText(nextCursor) };
}

function checkTxn(content: unknown): TxnAnswer {
  const { succeeded, revision, results } = asObject(content);
  if (typeof succeeded !== "boolean" || !Array.isArray(results)) throw unsound();
  return { succeeded, revision: asNumber(revision), results: results.map(checkResult) };
}

function checkResult(content: unknown): TxnAnswer["results"][number] {
  const { type, revision, createRevision, version, deleted, entry } = asObject(content);
  switch (type) {
    case "put":
      return {
        type,
        revision: asNumber(revision),
        createRevision: asNumber(createRevision),
        version: asNumber(version),
      };
    case "delete":
      return { type, deleted: deleted === true, revision: asNumber(revision) };
    case "get":
      return { type, entry: entry === null ? null : checkEntry(entry) };
    default:
      throw unsound();
  }
}

function checkEntry(content: unknown): KvEntry {
  const { key, value, revision, createRevision, version } = asObject(content);
  if (!(value instanceof Uint8Array)) throw unsound();
  return {
    key: asText(key),
    value,
    revision: asNumber(revision),
    createRevision: asNumber(createRevision),
    version: asNumber(version),
  };
}

function asObject(content: unknown): Readonly<Record<string, unknown>> {
  if (typeof content === "object" && content !== null) return content as Readonly<Record<string, unknown>>;
  throw unsound();
}

function asNumber(content: unknown): number {
  if (typeof content === "number" && Number.isSafeInteger(content)) return content;
  throw unsound();
}

function asText(content: unknown): string {
  if (typeof content === "string") return content;
  throw unsound();
}

function unsound(): ProtocolError {
  return new ProtocolError("An answer is not what it should be.");
}
