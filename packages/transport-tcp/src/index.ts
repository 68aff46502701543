/** A transport over TCP. */

export type { TcpTransportOptions } from "./options.js";
export { TcpTransport } from "./tcp-transport.js";
export type { TcpWarning, TcpWarningCode } from "./warning.js";
