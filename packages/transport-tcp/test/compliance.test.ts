import { type TransportHarness, transportCompliance } from "@quorate/contracts/compliance";
import { TcpTransport } from "../src/index.js";

function tcpHarness(): TransportHarness<TcpTransport> {
  return {
    create: (address = "127.0.0.1:0") => new TcpTransport({ listen: address }),
    addressOf: ({ address }) => address,
    openHandles: () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")),
  };
}

transportCompliance("TcpTransport", tcpHarness);
