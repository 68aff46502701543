/** Addresses for servers that must know each other's before any of them listens. */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** Takes `count` ports from the system, all at once so that they differ, and gives them back. */
export async function freeAddresses(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  await Promise.all(
    servers.map((server) => {
      server.close();
      return once(server, "close");
    }),
  );
  return addresses;
}
