/**
 * Which configuration is in force, and which were before it: one more with each entry that carries one, one less when the
 * log goes back (§6; PITFALLS M4, M5).
 */

import { decodeConfiguration, foundingConfiguration } from "./configuration.js";
import type { VoterSets } from "./quorum.js";
import type { Configuration, ConfigurationEntry, Entry, FeatureLevels, Index, NodeId } from "./types.js";
import { UnsupportedFeatureLevelError } from "./unsupported-feature-level-error.js";

/** What stands before the first configuration in the log: nobody, so that a blank server waits (PITFALLS O3). */
const NO_CONFIGURATION: Configuration = foundingConfiguration([]);

/** The sets that must each agree by a majority (§6). */
function voterSetsOf({ voters, outgoingVoters }: Configuration): VoterSets {
  const sets = [voters.map(({ id }) => id)];
  if (outgoingVoters.length > 0) sets.push(outgoingVoters.map(({ id }) => id));
  return sets;
}

interface InForce extends ConfigurationEntry {
  readonly voterSets: VoterSets;
}

function inForce(index: Index, configuration: Configuration): InForce {
  return { index, configuration, voterSets: voterSetsOf(configuration) };
}

/** The configurations of the log and the one before them, the one in force on top. */
export class ConfigurationStack {
  #stack: InForce[];
  readonly #supportedLevels: FeatureLevels;

  /**
   * `base` is what was in force where the log begins: that of the snapshot, or nobody. Here and wherever a configuration
   * comes in, an `UnsupportedFeatureLevelError` is thrown if it asks for more than `supportedLevels`.
   */
  constructor(supportedLevels: FeatureLevels, base = { index: 0, configuration: NO_CONFIGURATION }) {
    this.#supportedLevels = supportedLevels;
    this.#stack = [this.#checked(base)];
  }

  #checked({ index, configuration }: ConfigurationEntry): InForce {
    const needed = configuration.featureLevels;
    const { library, application } = this.#supportedLevels;
    if (needed.library > library || needed.application > application)
      throw new UnsupportedFeatureLevelError(needed, this.#supportedLevels);
    return inForce(index, configuration);
  }

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

  /** Whether nothing but the base is known yet. */
  get isAtBase(): boolean {
    return this.#stack.length === 1;
  }

  isVoter(id: NodeId): boolean {
    return this.voterSets.some((voters) => voters.includes(id));
  }

  /** What was, or is, in force at `index`, as far back as is remembered. */
  at(index: Index): ConfigurationEntry {
    let place = this.#stack.length - 1;
    while (place > 0 && (this.#stack[place] as InForce).index > index) place -= 1;
    const { index: since, configuration } = this.#stack[place] as InForce;
    return { index: since, configuration };
  }

  /** Takes in an appended entry. Throws a `RangeError` if it is of kind `membership` and cannot be understood. */
  onAppend(entry: Entry): void {
    if (entry.kind !== "membership") return;
    this.#stack.push(this.#checked({ index: entry.index, configuration: decodeConfiguration(entry.data) }));
  }

  /** Goes back to what was in force before `index`. */
  onTruncate(index: Index): void {
    while (this.#top.index >= index && this.#stack.length > 1) this.#stack.pop();
  }

  /** Forgets what was in force before `index` only. */
  onCompact(index: Index): void {
    while (this.#stack.length > 1 && (this.#stack[1] as InForce).index <= index) this.#stack.shift();
  }

  /** Starts again from a snapshot. */
  onReset(base: ConfigurationEntry): void {
    this.#stack = [this.#checked(base)];
  }
}
