/** Addresses that nobody listens at, for servers that must know each other's before they start. */

import getPort from "get-port";

export async function freeAddresses(count: number): Promise<string[]> {
  const ports = await Promise.all(Array.from({ length: count }, () => getPort({ host: "127.0.0.1" })));
  return ports.map((port) => `127.0.0.1:${port}`);
}
