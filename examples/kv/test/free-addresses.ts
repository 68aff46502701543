/** Addresses that nobody listens at, for servers that must know each other's before they start. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** The system names free ports; they are given back together, so that no two are alike. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return addresses;
}
