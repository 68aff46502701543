/**
 * Which version of the program runs on a machine. In a rolling upgrade, and on the way back, two of them work side by
 * side: the older one speaks an older protocol, and cannot read the newer one's commands (PITFALLS O7, C11).
 */

import { OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION } from "@quorate/codec";
import type { RaftError } from "@quorate/contracts";
import type { Dice } from "./dice.js";
import { NEW_FORMAT_LEVEL } from "./register-file.js";

export interface ProgramVersion {
  readonly isNew: boolean;
  readonly protocolVersion: number;
  readonly applicationLevel: number;
}

const OLD: ProgramVersion = { isNew: false, protocolVersion: OLDEST_PROTOCOL_VERSION, applicationLevel: 1 };
const NEW: ProgramVersion = { isNew: true, protocolVersion: PROTOCOL_VERSION, applicationLevel: NEW_FORMAT_LEVEL };

/** What is installed on one machine. */
export class Program {
  /** What runs, or did last. */
  version: ProgramVersion = NEW;
  readonly #dice: Dice;
  readonly #machine: number;
  readonly #oldRate: number;
  /** The operator has learnt that the older one will not do any more. */
  #isUpgraded = false;

  constructor(dice: Dice, machine: number, oldRate: number) {
    this.#dice = dice;
    this.#machine = machine;
    this.#oldRate = oldRate;
  }

  /** A process starts: of one version or the other, as the operator likes. */
  onStart(life: number): void {
    const isOld = !this.#isUpgraded && this.#dice.roll("version", this.#machine, life) < this.#oldRate;
    this.version = isOld ? OLD : NEW;
  }

  /** Whether it was right to stop: it cannot read what the cluster may write by now. The next one can. */
  isOutdated({ code }: RaftError): boolean {
    if (code !== "UNSUPPORTED_FEATURE_LEVEL" || this.version.isNew) return false;
    this.#isUpgraded = true;
    return true;
  }
}
