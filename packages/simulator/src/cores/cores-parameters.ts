/** What a seed decides in the world of cores: how many there are, and how hostile their surroundings. */

import type { Random } from "@quorate/core";

export interface CoresParameters {
  readonly servers: number;
  /** How many actions are taken before the faults stop. */
  readonly actions: number;
  readonly maxEntriesPerAppend: number;
  /** The share of actions that are taken as a well-behaved network would: the oldest message first, no faults. */
  readonly orderlyRate: number;
  /** The share of facts whose consequences are drawn together with those of the next ones. */
  readonly lateRate: number;
  /** How strongly delivery prefers the newest messages: the power to which a uniform number is raised. */
  readonly limboPower: number;
  /** Whether clocks run apart. */
  readonly drift: number;
  // How often each happens, relative to the others.
  readonly deliver: number;
  /** Several messages at once for one server, whose consequences are drawn together. */
  readonly burst: number;
  readonly duplicate: number;
  readonly lose: number;
  readonly elapse: number;
  readonly store: number;
  readonly propose: number;
  readonly read: number;
  /** The share of reads for which a lease will do; none where clocks run apart, or stand still. */
  readonly leaseRate: number;
  readonly crash: number;
  readonly storm: number;
  readonly cut: number;
  readonly isolate: number;
  /** The share of orderly stretches in which a leader is deposed without its knowledge. */
  readonly coup: number;
  /** The share of orderly stretches in which somebody works against whoever leads; and of sieges among these. */
  readonly intrigue: number;
  readonly sieges: number;
  /** The share of those in which all voters but one are replaced. */
  readonly replacements: number;
  // What operators do.
  readonly change: number;
  /** How likely it is that the faults stop, with each action after some, while a change has just begun. */
  readonly leaveAmidChange: number;
  readonly transfer: number;
  /** The share of members that get a priority with a change. */
  readonly priorities: number;
  readonly snapshot: number;
  /** How many entries stay in the log behind a snapshot, at most. */
  readonly keptEntries: number;
  /** Whether the servers take part in quiets, and the share of orderly stretches in which nobody wants anything. */
  readonly allowsQuiet: boolean;
  readonly rests: number;
  /** How often a server hears that a connection has ended, and the share of crashes of which the others hear. */
  readonly suspect: number;
  readonly toldLosses: number;
  /** In how many chunks a snapshot is sent. */
  readonly chunks: number;
  /** How often the sending of a snapshot fails. */
  readonly fail: number;
  /** The share of links between the connected majority and the others that stay cut when the faults stop. */
  readonly lastingCuts: number;
}

export function drawCoresParameters(random: Random): CoresParameters {
  const whole = (low: number, high: number): number => Math.floor(random.between(low, high + 1));
  const swarm = (low: number, high: number): number => (random.between(0, 1) < 0.6 ? random.between(low, high) : 0);
  const drift = swarm(0, 1);
  const change = random.between(0, 1) < 0.35 ? random.between(0.5, 6) : 0;
  const leaseRate = drift === 0 ? swarm(0.2, 1) : 0;
  const allowsQuiet = random.between(0, 1) < 0.6;
  return {
    servers: [3, 3, 3, 3, 5, 5, 5, 4, 4, 2, 1, 6, 7][whole(0, 12)] as number,
    actions: whole(150, 1_500),
    maxEntriesPerAppend: [1, 2, 1_000][whole(0, 2)] as number,
    orderlyRate: random.between(0.2, 0.9),
    lateRate: swarm(0, 0.5),
    limboPower: swarm(0, 1) > 0 ? random.between(2, 6) : 1,
    drift,
    deliver: 60,
    burst: swarm(1, 8),
    duplicate: swarm(1, 20),
    lose: swarm(1, 20),
    elapse: random.between(3, 20),
    store: random.between(5, 40),
    propose: random.between(2, 15),
    read: leaseRate > 0 ? random.between(1, 8) : swarm(1, 8),
    leaseRate,
    crash: swarm(0.2, 4),
    storm: swarm(0.05, 0.5),
    cut: swarm(0.2, 3),
    isolate: swarm(0.2, 3),
    coup: swarm(0.1, 0.6),
    replacements: change > 0 ? random.between(0.2, 0.9) : 0,
    intrigue: leaseRate > 0 || change > 0 ? random.between(0.3, 1) : swarm(0.1, 0.8),
    sieges: leaseRate > 0 ? random.between(0.3, 1) : swarm(0, 0.5),
    // Where members have come and gone, it is the one who has missed it that matters.
    lastingCuts: change > 2 ? random.between(0.7, 1) * whole(0, 1) : swarm(0.3, 1),
    change,
    leaveAmidChange: change > 0 ? random.between(0.01, 0.3) : 0,
    transfer: swarm(0.2, 2) * whole(0, 1),
    priorities: swarm(0.1, 0.5) * whole(0, 1),
    snapshot: swarm(0.5, 6),
    keptEntries: [0, 0, 1, 3, 10][whole(0, 4)] as number,
    chunks: whole(1, 3),
    fail: swarm(0.5, 4),
    allowsQuiet,
    rests: allowsQuiet ? swarm(0.1, 0.6) : 0,
    suspect: allowsQuiet ? swarm(0.2, 3) : 0,
    toldLosses: allowsQuiet ? swarm(0.1, 1) : 0,
  };
}
