/** A transport that carries messages between servers of one process. */

export { type DeliveryPolicy, type Envelope, MemoryNetwork, type MemoryNetworkOptions } from "./memory-network.js";
export { MemoryTransport, type MemoryTransportOptions } from "./memory-transport.js";
