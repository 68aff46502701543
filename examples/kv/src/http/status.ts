/** What a server says of itself: `GET /health` for probes, `GET /v1/cluster` for people and tools. */

import type { FastifyInstance } from "fastify";
import { unsupportedProtocol } from "../binary/server.js";
import { UPGRADE_PATH } from "../protocol/protocol.js";
import type { HttpContext } from "./context.js";
import { membersJson } from "./members.js";
import { ProcessMeter } from "./process-meter.js";
import { readQuery } from "./request.js";

export function registerStatus(app: FastifyInstance, { node, readiness, store, watchHub }: HttpContext): void {
  app.get("/health", async (_request, reply) => {
    const health = readiness.health();
    reply.code(health.status === "UP" ? 200 : 503);
    return health;
  });

  const meter = new ProcessMeter();
  app.addHook("onClose", async () => meter.close());

  app.get(UPGRADE_PATH, async (request) => {
    throw unsupportedProtocol(request.headers.upgrade);
  });

  app.get("/v1/cluster", async (request) => {
    readQuery(request.url, []);
    const { id, name, role, currentTerm, leaderId, leaderName, commitIndex, appliedIndex, lastIndex, sessions } =
      node.status();
    return {
      server: { id, name, role, health: readiness.health(), watches: watchHub.size },
      leader: leaderId === 0 ? null : { id: leaderId, name: leaderName },
      term: currentTerm,
      commitIndex,
      appliedIndex,
      lastIndex,
      sessions,
      revision: store.revision,
      keys: store.size,
      process: meter.read(),
      membership: membersJson(node.members()),
    };
  });
}
