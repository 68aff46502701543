/** The servers that found a cluster, as the command line has them: `n1=host:port,n2=host:port/role=witness,…`. */

import { InvalidArgumentError } from "commander";
import type { Founder } from "quorate";

export type Founders = Readonly<Record<string, string | Founder>>;

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly text: string;
}

export function readName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text;
  throw new InvalidArgumentError("A name has up to 64 letters, digits, dots, dashes and underscores.");
}

export function readAddress(text: string): Address {
  const [, host, digits] = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]=,/]+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port > 65_535) throw new InvalidArgumentError("An address is written host:port.");
  return { host: host.replace(/^\[|\]$/g, ""), port, text };
}

export function readPeerAddress(text: string): Address {
  const address = readAddress(text);
  if (address.port === 0) throw new InvalidArgumentError("The other servers must know the port; it cannot be 0.");
  return address;
}

export function readPeers(text: string): Founders {
  const peers = new Map<string, string | Founder>();
  for (const part of text.split(",")) {
    const { name, founder } = readPeer(part.trim());
    if (peers.has(name)) throw new InvalidArgumentError(`${name} is named twice.`);
    const address = addressOf(founder);
    if ([...peers.values()].some((other) => addressOf(other) === address))
      throw new InvalidArgumentError(`${address} is given twice.`);
    peers.set(name, founder);
  }
  return Object.fromEntries(peers);
}

function readPeer(text: string): { readonly name: string; readonly founder: string | Founder } {
  const [, name, address = "", attributes = ""] = /^([^=]+)=([^/=]+)((?:\/.*)?)$/.exec(text) ?? [];
  if (name === undefined)
    throw new InvalidArgumentError(
      `${JSON.stringify(text)} is not name=host:port, with /role=… or /priority=… or none.`,
    );
  readName(name);
  readPeerAddress(address);
  if (attributes === "") return { name, founder: address };
  return { name, founder: { address, ...Object.fromEntries(attributes.slice(1).split("/").map(readAttribute)) } };
}

function readAttribute(text: string): readonly [string, string | number] {
  const [, role] = /^role=(voter|learner|witness)$/.exec(text) ?? [];
  if (role !== undefined) return ["role", role];
  const [, priority] = /^priority=(\d{1,7})$/.exec(text) ?? [];
  if (priority !== undefined) return ["priority", Number(priority)];
  throw new InvalidArgumentError(
    `${JSON.stringify(text)} is neither role=voter, learner or witness, nor priority=NUMBER.`,
  );
}

/** What {@link readPeers} reads. */
export function peersText(founders: Founders): string {
  return Object.entries(founders)
    .map(([name, founder]) => {
      if (typeof founder === "string") return `${name}=${founder}`;
      const { address, role, priority } = founder;
      const attributes = `${role === undefined ? "" : `/role=${role}`}${priority === undefined ? "" : `/priority=${priority}`}`;
      return `${name}=${address}${attributes}`;
    })
    .join(",");
}

/** Where the others reach it. */
export function addressOf(founder: string | Founder): string {
  return typeof founder === "string" ? founder : founder.address;
}
