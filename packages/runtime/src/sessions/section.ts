/** The session table, and with it the time of the cluster, as a part of each snapshot (PITFALLS K2, S19). */

import { RaftError } from "@quorate/contracts";
import type { SnapshotSection } from "../snapshot-sections.js";
import type { SessionTable } from "./session-table.js";

export function sessionsSection(table: SessionTable): SnapshotSection {
  return {
    name: "sessions",
    save: () => table.save(),
    restore: (content) => {
      if (content === null) return table.clear();
      try {
        table.restore(content);
      } catch (cause) {
        throw new RaftError("STORAGE_CORRUPT", "What a snapshot says of sessions cannot be read.", { cause });
      }
    },
  };
}
