/** Messages to bytes and back. */

export { CodecError } from "./codec-error.js";
export { type DecodedMessage, decodeMessage } from "./decode-message.js";
export { type EncodedMessage, encodeMessage } from "./encode-message.js";
export { isKnownVersion, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "./protocol.js";
