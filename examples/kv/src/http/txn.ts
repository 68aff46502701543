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
import type { HttpContext } from "./context.js";
import { entryToJson } from "./encoding.js";
import { HttpError } from "./errors.js";
import { parseJson, readBody, readQuery } from "./request.js";
import { propose } from "./sessions.js";
import { readTxn } from "./txn-json.js";

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

async function onTxn(context: HttpContext, request: FastifyRequest): Promise<object> {
  readQuery(request.url, []);
  const command = readTxn(request.body);
  const result = await propose(context, request.headers, command);
  if (result.type === "tooLarge") {
    const message = `Its gets found ${result.sizeBytes} bytes; one answer carries ${MAX_TXN_BYTES}. Nothing was written.`;
    throw new HttpError("TXN_TOO_LARGE", message);
  }
  if (result.type !== "txn") throw new Error(`The store answered with a result of type ${result.type}.`);
  const { succeeded, revision, results } = result;
  return { succeeded, revision, results: results.map(resultToJson) };
}

function resultToJson(result: OperationResult): object {
  if (result.type !== "get") return result;
  return { type: "get", entry: result.entry === null ? null : entryToJson(result.entry) };
}
