/**
 * A frame on the wire: one message.
 *
 * ```
 * u32 size of the body | u32 CRC-32 of the body | body
 * ```
 *
 * Numbers are big-endian. An empty frame says "still here" and nothing else. The checksum is there because that of TCP
 * lets through one damaged segment in 65,536, and a damaged entry that was acknowledged is lost data.
 */

export const FRAME_HEADER_BYTES = 8;

/** The empty frame. Its size is 0, and so is the checksum of nothing. */
export const KEEP_ALIVE: Uint8Array = Buffer.alloc(FRAME_HEADER_BYTES);

/** Bytes that are no frame. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}
