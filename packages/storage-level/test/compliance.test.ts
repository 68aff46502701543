import { storageCompliance } from "@quorate/contracts/compliance";
import { Places } from "./places.js";

storageCompliance("LevelLogStorage", () => Places.create());
