/**
 * Bytes that do not say what they should, or a message that cannot be said in bytes.
 *
 * Whoever reads from a wire or a disk meets this error and turns it into what it means there: a connection to end, or
 * a damaged record. It never reaches a user as it is, and so has no code in the table of errors.
 */
export class CodecError extends Error {
  override readonly name = "CodecError";
}
