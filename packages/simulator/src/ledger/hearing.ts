/** What a server hears, as far as it bears on its term: whom it must follow, and whom it must not (PITFALLS E14, T6, L3). */

import type { Message } from "@quorate/core";
import type { ServerRecord } from "./records.js";

/** Takes in that a message arrives, `now` by the server's own clock; without clocks, nobody is loyal to anybody. */
export function hear(server: ServerRecord, message: Message, now: number, electionTimeoutMs: number): void {
  const { kind, term, from } = message;
  if (kind === "pulledEntries") server.hasPulled = true;
  if (term > server.heardTerm && !isDeaf(server, message, now, electionTimeoutMs)) server.heardTerm = term;
  if ((kind === "heartbeat" || kind === "appendEntries") && term >= server.currentTerm) {
    server.heardLeader = from;
    server.heardLeaderTerm = term;
    server.heardLeaderAt = now;
  }
}

/** Whoever hears its leader does not help to depose it. Told only of those who were told nothing else in this turn. */
function isDeaf(server: ServerRecord, message: Message, now: number, electionTimeoutMs: number): boolean {
  const { kind, from } = message;
  const isOfCampaign = kind === "requestPreVote" || kind === "pullEntries";
  const isCampaign = isOfCampaign || (kind === "requestVote" && !message.isTransfer);
  if (!isCampaign || !server.isUntold) return false;
  if (server.isLeader) return true;
  const hasLeader = server.heardLeaderTerm === server.currentTerm && server.heardLeader !== from;
  return hasLeader && now - server.heardLeaderAt < electionTimeoutMs;
}
