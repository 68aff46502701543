/** Leads a single core through an election, playing the other servers. */

import type { Effects, NodeId, OutgoingMessage } from "../../src/index.js";
import { accepted, requestPreVoteResult, requestVoteResult } from "./messages.js";
import { type Server, serverWith } from "./server.js";

type Kind = OutgoingMessage["kind"];

/** The messages of one kind among the effects. */
export function sent<K extends Kind>(effects: Effects, kind: K): Extract<OutgoingMessage, { kind: K }>[] {
  return effects.messages.filter((message): message is Extract<OutgoingMessage, { kind: K }> => message.kind === kind);
}

/** The server's patience ends: it asks for pre-votes, which `voters` grant. It opens the next term. */
export function becomeCandidate(server: Server, voters: readonly NodeId[] = [2]): Effects {
  const asked = sent(server.wake(), "requestPreVote")[0];
  const round = asked?.round ?? 0;
  const term = server.raft.currentTerm;
  return server.receive(...voters.map((from) => requestPreVoteResult({ from, to: server.id, term, round })));
}

/** The server becomes a candidate, its vote durable, and `voters` elect it. The write of its first entry is still open. */
export function becomeLeader(server: Server, voters: readonly NodeId[] = [2]): Effects {
  becomeCandidate(server, voters);
  const asked = sent(server.persist(), "requestVote")[0];
  const round = asked?.round ?? 0;
  const term = server.raft.currentTerm;
  return server.receive(...voters.map((from) => requestVoteResult({ from, to: server.id, term, round })));
}

/** A leader of term 2 that has committed its first entry, 2, and whose heartbeats nobody has answered. */
export function leaderWithCommit(voters = 3): Server {
  const server = serverWith([1], { voters });
  becomeLeader(server, voters > 3 ? [2, 3] : [2]);
  server.persist();
  server.receive(...[2, 3].map((from) => accepted({ from, term: 2, matchIndex: 2 })));
  return server;
}
