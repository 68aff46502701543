/** Faults of the network: links that carry nothing, one way or both, for a while. */

import type { NodeId, Random } from "@quorate/core";
import { durationText } from "./duration-text.js";
import type { Fault } from "./faults.js";
import type { Machine } from "./machine.js";
import type { Network } from "./network.js";
import type { SimulatedTime } from "./simulated-time.js";

type Link = readonly [NodeId, NodeId];

export interface LinkFaultTargets {
  readonly time: SimulatedTime;
  readonly network: Network;
  readonly machines: readonly Machine[];
  /** Whether the faulty time is over. */
  isOver(): boolean;
  happened(fault: Fault, where: string, text: () => string): void;
}

export class LinkFaults {
  readonly #targets: LinkFaultTargets;

  constructor(targets: LinkFaultTargets) {
    this.#targets = targets;
  }

  inject(fault: Fault, random: Random): void {
    const { network, machines } = this.#targets;
    const ids = machines.map(({ id }) => id);
    if (ids.length === 1) return;
    const { name, server, durationMs } = fault;
    const others = ids.filter((id) => id !== server);
    const other = others[Math.floor(random.between(0, others.length))] as NodeId;
    const [from, to] = random.between(0, 1) < 0.5 ? [server, other] : [other, server];
    switch (name) {
      case "clogged link":
        this.#targets.happened(
          fault,
          `n${from}`,
          () => `what is sent to n${to} is held back for ${durationText(durationMs)}`,
        );
        return network.clog(from, to, durationMs);
      case "one-way cut":
        return this.#cut(fault, `n${from} → n${to} carries nothing`, [[from, to]]);
      case "isolation":
        return this.#cut(fault, `n${server} is cut off`, both(pairs([server], others)));
      case "isolated leader": {
        const leader = machines.find(({ raft }) => raft?.role === "leader")?.id ?? server;
        const rest = ids.filter((id) => id !== leader);
        return this.#cut(fault, `n${leader}, the leader if there is one, is cut off`, both(pairs([leader], rest)));
      }
      case "flapping link":
        return this.#flap(fault, [from, to], random);
      case "swizzled links":
        return this.#swizzle(fault, shuffled(pairs(ids, ids), random), random);
      default:
        return this.#divide(fault, ids, others, random);
    }
  }

  /** In halves, with a bridge between them, or as a chain. */
  #divide(fault: Fault, ids: readonly NodeId[], others: readonly NodeId[], random: Random): void {
    if (fault.name === "chain") {
      const order = shuffled(ids, random);
      const apart = pairs(order, order).filter(([a, b]) => Math.abs(order.indexOf(a) - order.indexOf(b)) > 1);
      return this.#cut(fault, `a chain: ${order.map((id) => `n${id}`).join(" – ")}`, apart);
    }
    const isBridge = fault.name === "bridge";
    const all = isBridge ? others : ids;
    const left = all.filter((_, place) => (isBridge ? place % 2 === 0 : random.between(0, 1) < 0.5));
    const right = all.filter((id) => !left.includes(id));
    const text = `${names(left)} and ${names(right)} are cut apart${isBridge ? `, and n${fault.server} is not` : ""}`;
    this.#cut(fault, text, both(pairs(left, right)));
  }

  #flap(fault: Fault, link: Link, random: Random): void {
    const { time, happened } = this.#targets;
    const { durationMs } = fault;
    happened(fault, `n${link[0]}`, () => `the link to n${link[1]} comes and goes for ${durationText(durationMs)}`);
    const periodMs = random.between(10, 300);
    const until = time.now + durationMs;
    const flap = (): void => {
      if (time.now >= until || this.#targets.isOver()) return;
      this.#cutFor([link], periodMs / 2);
      time.schedule(time.now + periodMs, flap);
    };
    flap();
  }

  #swizzle(fault: Fault, links: readonly Link[], random: Random): void {
    const { time, happened } = this.#targets;
    const halfMs = fault.durationMs / 2;
    happened(fault, "", () => "links are cut one after the other, and mended in another order");
    for (const link of links) {
      if (link[0] === link[1]) continue;
      time.schedule(time.now + random.between(0, halfMs), () => {
        if (!this.#targets.isOver()) this.#cutFor([link], random.between(0, halfMs));
      });
    }
  }

  #cut(fault: Fault, text: string, links: readonly Link[]): void {
    this.#targets.happened(fault, "", () => `${text} for ${durationText(fault.durationMs)}`);
    this.#cutFor(links, fault.durationMs);
  }

  #cutFor(links: readonly Link[], durationMs: number): void {
    const { network, time } = this.#targets;
    for (const [from, to] of links) network.cut(from, to);
    time.schedule(time.now + durationMs, () => {
      // When the faulty time is over all links were mended, and some cut for good.
      if (!this.#targets.isOver()) for (const [from, to] of links) network.mend(from, to);
    });
  }
}

function names(ids: readonly NodeId[]): string {
  return ids.length === 0 ? "nobody" : ids.map((id) => `n${id}`).join(", ");
}

function pairs(left: readonly NodeId[], right: readonly NodeId[]): Link[] {
  return left.flatMap((from) => right.map((to) => [from, to] as const));
}

function both(links: readonly Link[]): Link[] {
  return links.flatMap(([from, to]) => [[from, to] as const, [to, from] as const]);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const rest = [...items];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random.between(0, rest.length)), 1));
  return order;
}
