/** FileSnapshotStorage: a server's snapshots as files, in a directory of their own. */

import { StorageError } from "@quorate/contracts";
import { FolderSnapshotStorage } from "./abstract/snapshots/folder-snapshot-storage.js";
import { NodeFolder } from "./snapshots/node-folder.js";

export interface FileSnapshotStorageOptions {
  /** Where the snapshots lie, for this server alone. Created, with whatever it lies in, for the first of them. */
  readonly directory: string;
}

export class FileSnapshotStorage extends FolderSnapshotStorage {
  readonly directory: string;

  /** Throws `INVALID_OPTIONS`. */
  constructor({ directory }: FileSnapshotStorageOptions) {
    if (typeof directory !== "string" || directory === "") {
      throw new StorageError("INVALID_OPTIONS", "directory must be the path of a directory.");
    }
    super(new NodeFolder(directory));
    this.directory = directory;
  }
}
