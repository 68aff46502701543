/** The options of the transport: what they mean, their defaults, and what is refused (PITFALLS F15). */

import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "@quorate/codec";
import { TransportError } from "@quorate/contracts";
import { type Address, parseAddress } from "./address.js";
import { BEAT_MS } from "./channel.js";
import type { TcpWarning } from "./warning.js";

export interface TcpTransportOptions {
  /** Where to listen: `127.0.0.1:7001`, `[::1]:7001`, `0.0.0.0:7001`. Port 0 lets the system choose one. */
  readonly listen: string;
  /**
   * Where others reach this server, told to those who do not know it yet: `host:port`. Default: `listen`, unless that
   * is an address of no host, like `0.0.0.0`; then only peers that were told of this server can answer it.
   */
  readonly advertise?: string;
  /**
   * The largest message, in bytes. What is larger is dropped, and a peer that sends more loses its connection. Between
   * two servers the smaller limit holds. Default: 8 MiB. From 1 KiB to 1 GiB.
   */
  readonly maxFrameBytes?: number;
  /**
   * How many bytes of log entries may wait for one peer, and how many of proposals and their answers; a single message
   * may be larger when none waits. What does not fit is dropped. Default: 16 MiB.
   */
  readonly maxQueueBytes?: number;
  /** How long a peer may take from the first packet to the end of the handshake. Default: 2000. */
  readonly handshakeTimeoutMs?: number;
  /** How long a peer may be silent before its connection is given up. Default: 3000, at least 2000. */
  readonly silenceTimeoutMs?: number;
  /** How long to wait before dialling again at first; doubles with every failure. Default: 20. */
  readonly reconnectMinMs?: number;
  /** The longest wait before dialling again. Default: 1000. */
  readonly reconnectMaxMs?: number;
  /** How many connections others may have open to this server at a time. Default: 256. */
  readonly maxIncomingConnections?: number;
  /**
   * The newest version of the protocol to speak, for rehearsing an upgrade or holding one back. Default: the newest
   * that there is.
   */
  readonly maxProtocolVersion?: number;
  /** Random numbers from 0 to below 1, for the jitter between attempts to connect. Default: `Math.random`. */
  readonly random?: () => number;
  /** Is told what goes wrong. Must not throw. Default: nobody is told. */
  readonly onWarning?: (warning: TcpWarning) => void;
}

/** The options with all defaults filled in. */
export type Settings = Required<Omit<TcpTransportOptions, "listen">> & { readonly listen: Address };

const GiB = 2 ** 30;
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Throws `INVALID_OPTIONS` if one of the options cannot work. */
export function settingsOf(options: TcpTransportOptions): Settings {
  const listen = parseAddress(options.listen);
  if (listen === null) throw invalid("listen", `is no address: ${options.listen}`);
  const settings: Settings = {
    listen,
    advertise: options.advertise ?? "",
    maxFrameBytes: options.maxFrameBytes ?? 8 * 2 ** 20,
    maxQueueBytes: options.maxQueueBytes ?? 16 * 2 ** 20,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 2000,
    silenceTimeoutMs: options.silenceTimeoutMs ?? 3000,
    reconnectMinMs: options.reconnectMinMs ?? 20,
    reconnectMaxMs: options.reconnectMaxMs ?? 1000,
    maxIncomingConnections: options.maxIncomingConnections ?? 256,
    maxProtocolVersion: options.maxProtocolVersion ?? PROTOCOL_VERSION,
    random: options.random ?? Math.random,
    onWarning: options.onWarning ?? (() => undefined),
  };
  if (settings.advertise !== "" && parseAddress(settings.advertise) === null)
    throw invalid("advertise", `is no address: ${settings.advertise}`);
  checkRange(settings, "maxFrameBytes", 1024, GiB);
  checkRange(settings, "maxQueueBytes", 1, Number.MAX_SAFE_INTEGER);
  checkRange(settings, "handshakeTimeoutMs", 1, LONGEST_TIMEOUT_MS);
  checkRange(settings, "silenceTimeoutMs", 2 * BEAT_MS, LONGEST_TIMEOUT_MS);
  checkRange(settings, "reconnectMinMs", 1, LONGEST_TIMEOUT_MS);
  checkRange(settings, "reconnectMaxMs", settings.reconnectMinMs, LONGEST_TIMEOUT_MS);
  checkRange(settings, "maxIncomingConnections", 1, Number.MAX_SAFE_INTEGER);
  checkRange(settings, "maxProtocolVersion", OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION);
  return settings;
}

type NumberOption = { [Name in keyof Settings]: Settings[Name] extends number ? Name : never }[keyof Settings];

function checkRange(settings: Settings, name: NumberOption, least: number, most: number): void {
  const value = settings[name];
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(name, `must be an integer from ${least} to ${most}, but is ${value}`);
  }
}

function invalid(name: keyof TcpTransportOptions, what: string): TransportError {
  return new TransportError("INVALID_OPTIONS", `The option \`${name}\` ${what}.`);
}
