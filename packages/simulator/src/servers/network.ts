/**
 * The network: delays, reorders, doubles, holds back and loses messages, and knows which links carry nothing.
 *
 * What becomes of a message depends on which message of its link it is, and on nothing else, so that a run can do
 * without some of them and stay the same otherwise. Links are between machines, whichever servers run on them.
 */

import type { PeerMessage } from "@quorate/contracts";
import type { Dice } from "./dice.js";
import type { ServersParameters } from "./servers-parameters.js";
import type { SimulatedTime } from "./simulated-time.js";

/** What the network tells of. */
export interface NetworkLog {
  onLost(message: PeerMessage, unit: string): void;
  onDuplicated(): void;
  onReordered(): void;
  onLimbo(): void;
  onUntold(): void;
}

/** How many of the copies come late, where messages may: one that comes at once says little that is new. */
const LATE_COPY_RATE = 0.3;

/** How much of the news of a process's end comes late. */
const LATE_ALARM_RATE = 0.1;

interface Link {
  sent: number;
  /** How many faults cut it at the moment. */
  cuts: number;
  /** Until when it holds everything back. */
  cloggedUntil: number;
  /** When the last message of an ordered link arrives. */
  lastArrivalMs: number;
}

export class Network {
  readonly #time: SimulatedTime;
  readonly #dice: Dice;
  readonly #parameters: ServersParameters;
  readonly #without: ReadonlySet<string>;
  readonly #log: NetworkLog;
  readonly #links: Link[] = [];
  readonly #machines: number;
  #isCalm = false;

  constructor(
    time: SimulatedTime,
    dice: Dice,
    parameters: ServersParameters,
    without: ReadonlySet<string>,
    log: NetworkLog,
  ) {
    this.#time = time;
    this.#dice = dice;
    this.#parameters = parameters;
    this.#without = without;
    this.#log = log;
    this.#machines = parameters.servers + parameters.spares;
    for (let link = 0; link < this.#machines ** 2; link += 1) {
      this.#links.push({ sent: 0, cuts: 0, cloggedUntil: 0, lastArrivalMs: 0 });
    }
  }

  /** From now on nothing is lost, doubled or held back; delays remain. */
  calm(): void {
    this.#isCalm = true;
  }

  /** A link is cut once for each call, and carries again when each was taken back. */
  cut(from: number, to: number): void {
    this.#link(from, to).cuts += 1;
  }

  mend(from: number, to: number): void {
    const link = this.#link(from, to);
    link.cuts = Math.max(0, link.cuts - 1);
  }

  mendAll(): void {
    for (const link of this.#links) {
      link.cuts = 0;
      link.cloggedUntil = 0;
    }
  }

  /** The link carries nothing for a while, and then everything at once. */
  clog(from: number, to: number, durationMs: number): void {
    this.#link(from, to).cloggedUntil = this.#time.now + durationMs;
  }

  isCut(from: number, to: number): boolean {
    return this.#link(from, to).cuts > 0;
  }

  #link(from: number, to: number): Link {
    return this.#links[(from - 1) * this.#machines + to - 1] as Link;
  }

  /**
   * A process has ended, the one of this life on its machine, and its connections with it. `arrive` is called when one of
   * the others hears of it, which may be never.
   */
  tellLoss(gone: number, life: number, to: number, arrive: () => void): void {
    const { minDelayMs, maxDelayMs, limboRate, limboMs, toldLossRate } = this.#parameters;
    const roll = (what: number): number => this.#dice.roll("alarm", gone, life, 10 * to + what);
    if (!this.#isCalm && (this.isCut(gone, to) || roll(1) >= toldLossRate)) return this.#log.onUntold();
    const isLate = !this.#isCalm && roll(2) < Math.max(limboRate, LATE_ALARM_RATE);
    const delayMs = minDelayMs + roll(3) * (isLate ? limboMs : maxDelayMs - minDelayMs);
    this.#time.schedule(this.#time.now + delayMs, arrive);
  }

  /** From one machine to another. `arrive` is called when the message gets there, which may be never or twice. */
  carry(message: PeerMessage, from: number, to: number, arrive: (unit: string) => void): void {
    const link = this.#link(from, to);
    link.sent += 1;
    const number = link.sent;
    const unit = `m${from}>${to}#${number}`;
    const place = (from - 1) * this.#machines + to;
    const { lossRate, duplicationRate } = this.#parameters;
    if (this.#isLeftOut(unit) || link.cuts > 0 || this.#happens(lossRate, "loss", place, number)) {
      this.#log.onLost(message, unit);
      return;
    }
    this.#carryOnce(message, link, place, number, unit, arrive);
    if (this.#happens(duplicationRate, "duplicate", place, number)) {
      this.#log.onDuplicated();
      this.#carryOnce(message, link, place, -number, `${unit}'`, arrive);
    }
  }

  #carryOnce(
    message: PeerMessage,
    link: Link,
    place: number,
    number: number,
    unit: string,
    arrive: (unit: string) => void,
  ): void {
    if (this.#isLeftOut(unit)) return;
    const { minDelayMs, maxDelayMs, limboRate, limboMs, isOrdered } = this.#parameters;
    const isCopy = number < 0;
    const isInLimbo = this.#happens(isCopy && limboRate > 0 ? LATE_COPY_RATE : limboRate, "limbo", place, number);
    const roll = this.#dice.roll("delay", place, number);
    let atMs = this.#time.now + minDelayMs + roll * (isInLimbo ? limboMs : maxDelayMs - minDelayMs);
    if (isInLimbo) this.#log.onLimbo();
    else {
      if (atMs < link.lastArrivalMs && !isOrdered) this.#log.onReordered();
      if (isOrdered) atMs = Math.max(atMs, link.lastArrivalMs);
      link.lastArrivalMs = Math.max(atMs, link.lastArrivalMs);
    }
    this.#time.schedule(Math.max(atMs, link.cloggedUntil), () => {
      // What is under way when a link is cut is lost with it; what is in limbo has left the link.
      if (link.cuts > 0 && !isInLimbo) this.#log.onLost(message, unit);
      else arrive(unit);
    });
  }

  /** Once the faults have stopped nothing is lost, or the shortest failure would be that of losing everything. */
  #isLeftOut(unit: string): boolean {
    return !this.#isCalm && this.#without.has(unit);
  }

  #happens(rate: number, purpose: "loss" | "duplicate" | "limbo", place: number, number: number): boolean {
    return rate > 0 && !this.#isCalm && this.#dice.roll(purpose, place, number) < rate;
  }
}
