/**
 * What goes wrong between servers, told to whoever watches. None of it is thrown: a connection that breaks is daily
 * life, and Raft asks again (PITFALLS F19). One warning stands for a change of state, not for every try (PITFALLS F17).
 */

import type { NodeId } from "@quorate/core";

export const WARNING_ADVICE = {
  UNREACHABLE: "See whether that server runs, and whether its address is right.",
  CONNECTION_LOST: "Whoever dialled it dials again.",
  SILENT: "The other end, or the way to it, is gone or stuck. Whoever dialled dials again.",
  BAD_HANDSHAKE: "Something that is not a Quorate server is at the other end, or the line is bad.",
  VERSION_MISMATCH: "Run versions that speak the same protocol.",
  CLUSTER_MISMATCH: "Two clusters share an address or a list of peers. Nothing was exchanged.",
  WRONG_NODE: "The list of peers names the wrong address for a server. Nothing was exchanged.",
  OWN_ID: "Two servers run under one id, or a server dials itself. Nothing was exchanged.",
  REPLACED: "A newer connection took its place. If this goes on, two servers run under one id.",
  BAD_FRAME: "The bytes were damaged, or the peer is not sound. The connection was ended.",
  TOO_MANY_CONNECTIONS: "Raise `maxIncomingConnections`, or see who connects.",
  MESSAGE_REFUSED: "It was dropped. Let commands be smaller, or raise `maxFrameBytes` on every server.",
  BAD_ADDRESS: "Write it as host:port, or [address]:port for IPv6.",
  LISTENER_FAILED: "New connections may not come in; see the cause.",
} as const satisfies Record<string, string>;

export type TcpWarningCode = keyof typeof WARNING_ADVICE;

export interface TcpWarning {
  readonly code: TcpWarningCode;
  /** `outgoing`: on a connection that this server dials to send; `incoming`: on one that it accepted. */
  readonly direction: "outgoing" | "incoming";
  /** The peer, or 0 when it is not known. */
  readonly peer: NodeId;
  /** The address at the other end. */
  readonly address: string;
  /** For people. Ends with what to do. */
  readonly message: string;
  readonly cause?: unknown;
}

/** Why a connection ended, when that is worth a warning. */
export interface Failure {
  readonly code: TcpWarningCode;
  readonly reason: string;
  readonly cause?: unknown;
}

/** Puts a failure into words. */
export function warningOf(
  { code, reason, cause }: Failure,
  direction: TcpWarning["direction"],
  peer: NodeId,
  address: string,
): TcpWarning {
  const who = peer === 0 ? address : `Server ${peer} at ${address}`;
  const message = `${who}: ${reason} ${WARNING_ADVICE[code]}`;
  return { code, direction, peer, address, message, ...(cause === undefined ? {} : { cause }) };
}
