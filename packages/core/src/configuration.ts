/**
 * The configuration: who belongs to the cluster. It is in force from the moment its entry is appended (§6), and so is
 * a function of the log alone: it goes back when the log does (PITFALLS M4, M5).
 */

import type { VoterSets } from "./quorum.js";
import type { Configuration, Entry, Index, Member, NodeId } from "./types.js";

/** What stands before the first configuration in the log: nobody, so that a blank server waits (PITFALLS O3). */
const NO_CONFIGURATION: Configuration = { voters: [] };

/**
 * The bytes of a `membership` entry: JSON in ASCII, so that people can read it and later versions can add to it.
 * Throws a `RangeError` as {@link decodeConfiguration} does.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  validate(configuration);
  const voters = configuration.voters.map(({ id, name, address }) => ({ id, name, address }));
  const json = JSON.stringify({ voters }).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Uint8Array.from(json, (character) => character.charCodeAt(0));
}

/**
 * Throws a `RangeError` on bytes that are no configuration, and on one that names a server twice by id, name or
 * address (PITFALLS O12): a committed entry that cannot be understood must not be passed over (PITFALLS C11).
 */
export function decodeConfiguration(data: Uint8Array): Configuration {
  let json = "";
  for (const byte of data) json += String.fromCharCode(byte);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new RangeError("a membership entry is not JSON", { cause });
  }
  const voters: unknown = typeof value === "object" && value !== null && "voters" in value ? value.voters : undefined;
  if (!Array.isArray(voters) || !voters.every(isMember))
    throw new RangeError("a membership entry names no valid voters");
  const configuration: Configuration = { voters: voters.map(({ id, name, address }) => ({ id, name, address })) };
  validate(configuration);
  return configuration;
}

function isMember(value: unknown): value is Member {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    Number.isSafeInteger(value.id) &&
    "name" in value &&
    typeof value.name === "string" &&
    "address" in value &&
    typeof value.address === "string"
  );
}

function validate({ voters }: Configuration): void {
  for (const [place, { id, name, address }] of voters.entries()) {
    const isId = Number.isSafeInteger(id) && id > 0;
    if (!isId) throw new RangeError(`server ${JSON.stringify(name)} has the id ${id}; ids are positive safe integers`);
    for (const other of voters.slice(0, place)) {
      if (other.id >= id) throw new RangeError(`servers are listed by rising id, but ${other.id} stands before ${id}`);
      if (other.name === name) throw new RangeError(`two servers are named ${JSON.stringify(name)}`);
      if (other.address === address) throw new RangeError(`two servers have the address ${JSON.stringify(address)}`);
    }
  }
}

interface InForce {
  /** The index of the entry that carries it; 0 for the one before all entries. */
  readonly index: Index;
  readonly configuration: Configuration;
  readonly voterSets: VoterSets;
}

/** All configurations of the log, the one in force on top. */
export class ConfigurationStack {
  readonly #stack: InForce[] = [{ index: 0, configuration: NO_CONFIGURATION, voterSets: [[]] }];

  get #top(): InForce {
    return this.#stack[this.#stack.length - 1] as InForce;
  }

  get configuration(): Configuration {
    return this.#top.configuration;
  }

  get voterSets(): VoterSets {
    return this.#top.voterSets;
  }

  /** The index from which on the configuration in force has been. */
  get index(): Index {
    return this.#top.index;
  }

  isVoter(id: NodeId): boolean {
    return this.voterSets.some((voters) => voters.includes(id));
  }

  /** Takes in an appended entry. Throws a `RangeError` if it is of kind `membership` and cannot be understood. */
  onAppend(entry: Entry): void {
    if (entry.kind !== "membership") return;
    const configuration = decodeConfiguration(entry.data);
    const voterSets = [configuration.voters.map(({ id }) => id)];
    this.#stack.push({ index: entry.index, configuration, voterSets });
  }

  /** Goes back to what was in force before `index`. */
  onTruncate(index: Index): void {
    while (this.#top.index >= index && this.#stack.length > 1) this.#stack.pop();
  }
}
