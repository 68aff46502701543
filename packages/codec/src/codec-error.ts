/**
 * Bytes that do not say what they should, or a message that cannot be said in bytes.
 *
 * Whoever carries messages meets this error and turns it into what it means there: a connection to end, or a message to
 * drop. It never reaches a user as it is, and so has no code in the table of errors.
 */
export class CodecError extends Error {
  override readonly name = "CodecError";
}
