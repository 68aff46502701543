/**
 * Who leads, as servers of the binary protocol tell: writes, and reads that need the leader, go there without a detour.
 *
 * It is a hint and no more. Any server takes any request, so a leader that is not known, that cannot be reached from here,
 * or that does not prove to be the server it should be, is asked like any other; and what servers tell is believed only in
 * the order of their terms.
 */

import type { LeaderNews } from "../protocol/protocol.js";
import type { BinaryLink } from "./binary-link.js";

/** How long a leader that failed, or could not be reached, is left alone. */
const AVOID_MS = 1000;

export class Leader {
  /** The ways to servers that the client was given, and beside them to one that it was told of. */
  readonly #given: readonly BinaryLink[];
  readonly #linkTo: (url: string) => BinaryLink;
  #told: BinaryLink | null = null;
  #term = 0;
  #name: string | null = null;
  #cluster = "";
  #link: BinaryLink | null = null;
  #avoidUntil = 0;

  /** `linkTo` makes a link to a server that was not given. */
  constructor(given: readonly BinaryLink[], linkTo: (url: string) => BinaryLink) {
    this.#given = given;
    this.#linkTo = linkTo;
  }

  /** The way to the leader, if it is open and leads there. */
  get link(): BinaryLink | null {
    const link = this.#link;
    if (link === null || (this.#avoidUntil > 0 && !this.#isOverIt())) return null;
    if (link.isOpen) return link.server === this.#name && link.cluster === this.#cluster ? link : null;
    if (link.connect()) this.avoid(link);
    return null;
  }

  /** It failed: others are asked for a while. */
  avoid(link: object): void {
    if (link === this.#link) this.#avoidUntil = performance.now() + AVOID_MS;
  }

  /** What the server of `source` tells. */
  onNews(source: BinaryLink, { term, leader }: LeaderNews): void {
    if (term < this.#term) return;
    // That one server has lost sight of a leader is no news of the leader.
    if (leader === null && term === this.#term && source !== this.#link) return;
    this.#term = term;
    this.#name = leader?.name ?? null;
    this.#cluster = source.cluster;
    this.#link = leader === null ? null : this.#find(source, leader.name, leader.url);
    this.#avoidUntil = 0;
    if (this.#told !== null && this.#told !== this.#link) {
      this.#told.retire();
      this.#told = null;
    }
    this.#link?.connect();
  }

  close(): void {
    this.#told?.close();
  }

  #find(source: BinaryLink, name: string, httpUrl: string | null): BinaryLink | null {
    const known = this.#told === null ? this.#given : [...this.#given, this.#told];
    const byName = [source, ...known].find(({ server, isOpen }) => isOpen && server === name);
    if (byName !== undefined) return byName;
    const url = httpUrl?.replace(/^http:/, "kv:");
    if (url === undefined || !url.startsWith("kv://") || !URL.canParse(url)) return null;
    const byUrl = known.find((link) => link.url === url);
    if (byUrl !== undefined) return byUrl;
    this.#told?.retire();
    this.#told = this.#linkTo(url);
    return this.#told;
  }

  #isOverIt(): boolean {
    if (performance.now() < this.#avoidUntil) return false;
    this.#avoidUntil = 0;
    return true;
  }
}
