/** What LevelDB says when something is wrong, in its words and with its codes (LevelDB's `util/status.cc`). */

export type LevelErrorKind = "io" | "full" | "corruption" | "locked";

const ERRORS: Readonly<Record<LevelErrorKind, { readonly code: string; readonly message: string }>> = {
  io: { code: "LEVEL_IO_ERROR", message: "IO error: /disk/000003.log: Input/output error" },
  full: { code: "LEVEL_IO_ERROR", message: "IO error: /disk/000003.log: No space left on device" },
  corruption: { code: "LEVEL_CORRUPTION", message: "Corruption: block checksum mismatch" },
  locked: { code: "LEVEL_LOCKED", message: "IO error: lock /disk/LOCK: already held by process" },
};

export class LevelError extends Error {
  override readonly name = "LevelError";
  readonly code: string;

  constructor(kind: LevelErrorKind) {
    super(ERRORS[kind].message);
    this.code = ERRORS[kind].code;
  }
}
