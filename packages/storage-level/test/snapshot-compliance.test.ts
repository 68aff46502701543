import { snapshotStorageCompliance } from "@quorate/contracts/compliance";
import { SnapshotPlaces } from "./snapshot-places.js";

snapshotStorageCompliance("FileSnapshotStorage", () => SnapshotPlaces.create());
