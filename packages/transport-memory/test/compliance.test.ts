import { type TransportHarness, transportCompliance } from "@quorate/contracts/compliance";
import { MemoryNetwork, MemoryTransport } from "../src/index.js";

function memoryHarness(): TransportHarness<MemoryTransport> {
  const network = new MemoryNetwork();
  let count = 0;
  return {
    create: (address = `server-${++count}`) => new MemoryTransport({ network, listen: address }),
    addressOf: ({ address }) => address,
  };
}

transportCompliance("MemoryTransport", memoryHarness);
