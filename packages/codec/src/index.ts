/** Messages and log entries to bytes and back. */

export { CodecError } from "./codec-error.js";
export { type DecodedMessage, decodeMessage } from "./decode-message.js";
export { type EncodedMessage, encodeMessage } from "./encode-message.js";
export {
  type Crc32,
  decodeEntries,
  decodeEntry,
  encodeEntries,
  encodeEntry,
  RECORD_OVERHEAD_BYTES,
} from "./entry-record.js";
export { ENTRY_FORMAT_VERSION, PROTOCOL_VERSION } from "./protocol.js";
