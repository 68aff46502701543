/** The disk of one machine, which outlives its processes: its log, its snapshots, and what its state machine keeps. */

import {
  type DiskFault,
  type DiskOperation,
  type DiskSnapshot,
  type FolderSnapshot,
  SimulatedDisk,
  SimulatedFolder,
} from "../disk/index.js";
import { RegistersDisk } from "./snapshot-registers.js";

/** Which part of it an operation is for. */
export type DiskPart = "log" | "snapshots";

/** What it held at some moment. */
export interface MachineDiskSnapshot {
  readonly log: DiskSnapshot;
  readonly snapshots: FolderSnapshot;
  readonly registers: string;
}

export class MachineDisk {
  readonly log: SimulatedDisk;
  readonly snapshots: SimulatedFolder;
  readonly registers = new RegistersDisk();

  /** `schedule` decides when an operation completes. */
  constructor(schedule: (operation: DiskOperation, part: DiskPart, complete: () => void) => void) {
    this.log = new SimulatedDisk({ schedule: (operation, complete) => schedule(operation, "log", complete) });
    this.snapshots = new SimulatedFolder({
      schedule: (operation, complete) => schedule(operation, "snapshots", complete),
    });
  }

  set isFull(isFull: boolean) {
    this.log.isFull = isFull;
    this.snapshots.isFull = isFull;
  }

  /** The next operation of this kind on the log fails. */
  failNext(fault: DiskFault): void {
    this.log.failNext(fault);
  }

  endFaults(): void {
    this.log.endFaults();
    this.snapshots.endFaults();
  }

  /** The process dies, and the power fails; `survives` says of each part of what was not synced whether it is there. */
  crash(survives: () => boolean): void {
    this.log.crash(survives);
    this.snapshots.crash(survives);
    this.registers.crash(survives);
  }

  wipe(): void {
    this.log.wipe();
    this.snapshots.wipe();
    this.registers.rollBack("");
  }

  /** What a loss of power at this moment is certain to leave, to come back to. */
  snapshot(): MachineDiskSnapshot {
    return {
      log: this.log.snapshot(),
      snapshots: this.snapshots.snapshot(),
      registers: this.registers.durable,
    };
  }

  rollBack({ log, snapshots, registers }: MachineDiskSnapshot): void {
    this.log.rollBack(log);
    this.snapshots.rollBack(snapshots);
    this.registers.rollBack(registers);
  }
}
