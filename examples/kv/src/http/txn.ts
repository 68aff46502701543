/**
 * Transactions over HTTP: `POST /v1/txn`.
 *
 * `compare` is a list of conditions; when all of them hold, the operations of `success` are executed, otherwise those
 * of `failure`, atomically and at one revision. As in etcd, a branch writes each key at most once.
 */

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { OperationResult } from "../commands.js";
import { MAX_TXN_BYTES } from "../limits.js";
import { readTxn } from "../service/txn.js";
import type { HttpContext } from "./context.js";
import { entryToJson } from "./encoding.js";
import { parseJson, readBody, readPatience, readQuery } from "./request.js";
import { readPlace } from "./sessions.js";

/** Room for `MAX_TXN_BYTES` in base64 (2 MiB), and the JSON around it. */
const MAX_BODY_BYTES = 2 * MAX_TXN_BYTES;

export function registerTxn(app: FastifyInstance, context: HttpContext): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", async (request: FastifyRequest, payload: Readable) =>
      parseJson(await readBody(payload, request.headers, MAX_BODY_BYTES, "TXN_TOO_LARGE")),
    );
    scope.post("/v1/txn", (request) => onTxn(context, request));
    done();
  });
}

async function onTxn({ service }: HttpContext, { url, body, headers }: FastifyRequest): Promise<object> {
  readQuery(url, []);
  const { succeeded, revision, results } = await service.transact(
    readTxn(body),
    readPlace(headers),
    readPatience(headers),
  );
  return { succeeded, revision, results: results.map(resultToJson) };
}

function resultToJson(result: OperationResult): object {
  if (result.type !== "get") return result;
  return { type: "get", entry: result.entry === null ? null : entryToJson(result.entry) };
}
