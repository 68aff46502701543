/** Watching over HTTP: `GET /v1/watch`, server-sent events from a revision on. */

import type { IncomingHttpHeaders } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "../service/refusals.js";
import type { HttpContext } from "./context.js";
import { FRESHNESS, readFreshness, readInteger, readQuery, readTimeoutMs } from "./request.js";

const ANY_REVISION = { min: 0, max: Number.MAX_SAFE_INTEGER };

export function registerWatch(app: FastifyInstance, context: HttpContext): void {
  app.get("/v1/watch", { exposeHeadRoute: false }, (request, reply) => onWatch(context, request, reply));
}

async function onWatch(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { store, watchHub, node } = context;
  const query = readQuery(request.url, ["prefix", "from", ...FRESHNESS]);
  const freshness = readFreshness(query);
  const timeoutMs = readTimeoutMs(request.headers, context.requestTimeoutMs);
  // "From now" is the cluster's now, not that of a server which may lag behind.
  const afterRevision =
    readStart(query.from, request.headers) ?? (await node.read(() => store.revision, { ...freshness, timeoutMs }));
  const { forgottenRevision, oldestRevision } = store.history;
  if (afterRevision < forgottenRevision) {
    const message = `The history no longer has all revisions from ${afterRevision + 1} on; the oldest is ${oldestRevision}.`;
    throw new Refusal("REVISION_COMPACTED", message, { details: { oldestRevision } });
  }
  if (watchHub.isFull) {
    throw new Refusal("TOO_MANY_WATCHES", "This server has as many watches as it takes; ask another.", {
      details: { outcome: "not-executed" },
    });
  }
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Asks proxies not to hold events back.
    "x-accel-buffering": "no",
  });
  watchHub.open(reply.raw, { prefix: query.prefix ?? "", afterRevision });
}

/** The revision after which to start: what the client says it saw last goes before `from`, the first one it wants. */
function readStart(from: string | undefined, headers: IncomingHttpHeaders): number | null {
  const header = headers["last-event-id"];
  const lastEventId = Array.isArray(header) ? header.join(",") : header;
  const seen = readInteger("INVALID_HEADER", "Last-Event-ID", lastEventId, ANY_REVISION);
  const wanted = readInteger("INVALID_QUERY", "from", from, ANY_REVISION);
  if (seen !== null) return seen;
  return wanted === null ? null : Math.max(0, wanted - 1);
}
