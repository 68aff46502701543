/**
 * Members and leadership over HTTP, for operators: who belongs to the cluster, changes of that, and who leads.
 *
 * Any server takes any of these. A change is answered when it is done, or when the time is over: then it goes on by itself,
 * and `GET /v1/members` tells how far it is.
 */

import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { adding, type MemberChange, type Membership, type MemberUpdate, removing, updating } from "quorate";
import type { KvNode } from "../node.js";
import { Refusal } from "../service/refusals.js";
import { FEATURE_LEVELS_RAISE_PATH, MEMBERS_PATH } from "../wire.js";
import type { HttpContext } from "./context.js";
import { readChange, readMembersChange, readNewcomer, readTransfer, readUpdate } from "./members-json.js";
import { parseJson, readBody, readQuery, readTimeoutMs } from "./request.js";

const MAX_BODY_BYTES = 1024 * 1024;

/** New servers take their time to catch up; below what a connection may stand still. */
const MAX_CHANGE_MS = 60_000;

type Handler = (request: FastifyRequest, timeoutMs: number) => Promise<object>;

export function registerMembers(app: FastifyInstance, { node }: HttpContext): void {
  app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", async (request: FastifyRequest, payload: Readable) =>
      parseJson(await readBody(payload, request.headers, MAX_BODY_BYTES, "BODY_TOO_LARGE")),
    );
    const edited = async (edit: Parameters<KvNode["editMembers"]>[0], timeoutMs: number): Promise<object> =>
      membersJson(await node.editMembers(edit, { timeoutMs }));

    scope.get(
      MEMBERS_PATH,
      handle(async () => membersJson(node.members())),
    );
    scope.put(
      MEMBERS_PATH,
      handle(async ({ body }, timeoutMs) =>
        membersJson(await node.changeMembers({ ...readMembersChange(body), timeoutMs })),
      ),
    );
    scope.post(
      MEMBERS_PATH,
      handle(async ({ body }, timeoutMs) => {
        const member = readChange(body);
        if (findMember(node, member.name) !== undefined)
          throw new Refusal("MEMBER_EXISTS", `${member.name} is a member already; change it, or remove it first.`);
        return edited(adding(member), timeoutMs);
      }),
    );
    scope.post(
      `${MEMBERS_PATH}/join`,
      handle(async ({ body }, timeoutMs) => node.admit(readNewcomer(body), { timeoutMs })),
    );
    scope.patch(
      `${MEMBERS_PATH}/:name`,
      handle(async (request, timeoutMs) => {
        const update: MemberUpdate = readUpdate(request.body);
        return edited(updating(nameOf(node, request), update), timeoutMs);
      }),
    );
    scope.delete(
      `${MEMBERS_PATH}/:name`,
      handle(async (request, timeoutMs) => edited(removing(nameOf(node, request)), timeoutMs)),
    );
    registerLeadership(scope, node);
    done();
  });
}

function registerLeadership(scope: FastifyInstance, node: KvNode): void {
  scope.post(
    "/v1/transfer",
    handle(async ({ body }, timeoutMs) => ({
      leader: await node.transferLeadership({ ...readTransfer(body), timeoutMs }),
    })),
  );
  scope.post(
    FEATURE_LEVELS_RAISE_PATH,
    handle(async (_request, timeoutMs) => node.raiseFeatureLevels({ timeoutMs })),
  );
  scope.post(
    "/v1/snapshot",
    handle(async (_request, timeoutMs) => node.snapshot({ timeoutMs })),
  );
}

/** A request without a query, and within its time. */
function handle(onRequest: Handler) {
  return (request: FastifyRequest): Promise<object> => {
    readQuery(request.url, []);
    return onRequest(request, readTimeoutMs(request.headers, MAX_CHANGE_MS));
  };
}

/** The member that the path names, which there is. */
function nameOf(node: KvNode, { params }: FastifyRequest): string {
  const { name } = params as { readonly name: string };
  if (findMember(node, name) === undefined)
    throw new Refusal("MEMBER_NOT_FOUND", `There is no member ${JSON.stringify(name)}.`);
  return name;
}

function findMember(node: KvNode, name: string): MemberChange | undefined {
  return node.members().members.find((member) => member.name === name && member.wantedRole !== null);
}

/** Times as how long ago, for those who have another clock. */
export function membersJson({ version, phase, featureLevels, members, committed }: Membership): object {
  return {
    version,
    phase,
    featureLevels,
    members: members.map(({ progress, isWitness: _, priority = 0, ...member }) => {
      if (progress === null) return { ...member, priority };
      const { state, matchIndex, lastContactAt, supportedLevels } = progress;
      const lastContactMs = Math.max(0, Math.round(performance.now() - lastContactAt));
      return { ...member, priority, progress: { state, matchIndex, lastContactMs, supportedLevels } };
    }),
    committed,
  };
}
