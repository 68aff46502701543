/** Addresses as people write them: `host:port`, and `[::1]:port` for IPv6. */

import { isIPv6 } from "node:net";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Null if `text` is no address. Port 0, which lets the system choose one, makes sense only to listen at. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const [, ipv6, name, digits] = match;
  const host = ipv6 ?? name;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return null;
  if (ipv6 !== undefined && !isIPv6(ipv6)) return null;
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
