/** A transport that carries messages between servers of one process. */

export {
  type DeliveryPolicy,
  type Envelope,
  type LossPolicy,
  MemoryNetwork,
  type MemoryNetworkOptions,
} from "./memory-network.js";
export { MemoryTransport, type MemoryTransportOptions } from "./memory-transport.js";
