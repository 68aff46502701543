/** Messages and writes in words, for stories. */

import type { PeerMessage } from "@quorate/contracts";
import type { Configuration, Entry, Member, Write } from "@quorate/core";

/** "append (term 3): entries 5…7 after 4@2, commit 3". */
export function describeMessage(message: PeerMessage): string {
  switch (message.kind) {
    case "requestPreVote":
    case "requestVote":
    case "timeoutNow":
      return `${wordsOf(message.kind)} (term ${message.term}): log ends with ${message.lastLogIndex}@${message.lastLogTerm}`;
    case "pullEntries":
      return `pull (term ${message.term}): what follows ${message.prevLogIndex}@${message.prevLogTerm}?`;
    case "pulledEntries": {
      const { term, prevLogIndex, prevLogTerm, lastLogIndex, lastLogTerm, entries } = message;
      return `pulled (term ${term}): ${describeEntries(entries)} after ${prevLogIndex}@${prevLogTerm}, log ends with ${lastLogIndex}@${lastLogTerm}`;
    }
    case "requestPreVoteResult":
    case "requestVoteResult":
      return `${wordsOf(message.kind)} (term ${message.term}): ${message.voteGranted ? "granted" : "refused"}`;
    case "appendEntries": {
      const { term, prevLogIndex, prevLogTerm, leaderCommit, entries } = message;
      return `append (term ${term}): ${describeEntries(entries)} after ${prevLogIndex}@${prevLogTerm}, commit ${leaderCommit}`;
    }
    case "appendEntriesResult":
      return message.success
        ? `append result (term ${message.term}): holds everything up to ${message.matchIndex}`
        : `append result (term ${message.term}): refused after ${message.rejectedIndex}, try after ${message.hintIndex}@${message.hintTerm}`;
    case "heartbeat":
      return `heartbeat (term ${message.term}): round ${message.round}, commit ${message.leaderCommit}`;
    case "heartbeatResult":
      return `heartbeat result (term ${message.term}): round ${message.round}`;
    case "commit":
      return `commit (term ${message.term}): up to ${message.leaderCommit}`;
    case "readIndex":
      return `read index wanted (term ${message.term}): request ${message.readId}${message.isLease ? ", by lease if there is one" : ""}`;
    case "readIndexResult":
      return `read index result (term ${message.term}): request ${message.readId} ${message.success ? `may read at ${message.index}` : "refused"}`;
    case "propose":
      return `proposal passed on (term ${message.term}): request ${message.requestId}`;
    case "proposeResult":
      return `proposal result: request ${message.requestId} ${message.outcome}`;
    case "snapshotChunk": {
      const { term, place, offset, sizeBytes, data } = message;
      return `snapshot (term ${term}): ${place.index}@${place.term}, ${data.length} of ${sizeBytes} bytes from ${offset} on`;
    }
    case "stateDigest":
      return `state digest (term ${message.term}): ${message.isKnown ? message.digest : "unknown"} at ${message.index}`;
    case "stateDigestRequest":
      return `state digest wanted (term ${message.term}): at ${message.index}`;
    case "stateDigestVerdict":
      return `state digest verdict (term ${message.term}): ${message.digest} at ${message.index}`;
    case "snapshotChunkResult": {
      const { term, place, nextOffset, isAccepted } = message;
      return `snapshot result (term ${term}): ${place.index}@${place.term} ${isAccepted ? `wanted from ${nextOffset} on` : "refused"}`;
    }
    case "adminRequest":
      return `order passed on (term ${message.term}): request ${message.requestId}`;
    case "adminResult":
      return `order result: request ${message.requestId}`;
    case "unwanted":
      return `unwanted: ${message.incarnation === 0 ? "removed" : "with another disk"}, says entry ${message.index}`;
  }
}

function wordsOf(kind: string): string {
  return kind
    .replace(/^request/, "")
    .replace(/([A-Z])/g, " $1")
    .trim()
    .toLowerCase()
    .replace("pre vote", "pre-vote")
    .replace(/vote$/, "vote request");
}

function describeEntries(entries: readonly Entry[]): string {
  const [first, last] = [entries[0], entries[entries.length - 1]];
  if (first === undefined || last === undefined) return "nothing";
  if (first === last) return `entry ${first.index}@${first.term}`;
  return `entries ${first.index}@${first.term}…${last.index}@${last.term}`;
}

/** "the voters n1, n2 with n3 before them; on the way to n1, n4; the learners n5". */
export function describeConfiguration({ voters, outgoingVoters, learners, target }: Configuration): string {
  const list = (members: readonly Pick<Member, "id">[]): string =>
    members.map(({ id }) => `n${id}`).join(", ") || "none";
  const parts = [`the voters ${list(voters)}`];
  if (outgoingVoters.length > 0) parts[0] += `, together with ${list(outgoingVoters)}`;
  if (learners.length > 0) parts.push(`the learners ${list(learners)}`);
  if (target !== null) parts.push(`on the way to the voters ${list(target.voters.map((id) => ({ id })))}`);
  return parts.join("; ");
}

/** "term 3, vote for n2; drop from 5; entries 5@3". */
export function describeWrite({ hardState, reset, truncateFrom, append }: Write): string {
  const parts: string[] = [];
  if (hardState !== null) {
    const { currentTerm, votedFor } = hardState;
    parts.push(`term ${currentTerm}, ${votedFor === 0 ? "no vote" : `vote for n${votedFor}`}`);
  }
  if (reset !== null) parts.push(`begin anew after ${reset.index}@${reset.term}`);
  if (truncateFrom !== null) parts.push(`drop from ${truncateFrom} on`);
  if (append.length > 0) parts.push(describeEntries(append));
  return parts.join("; ");
}
