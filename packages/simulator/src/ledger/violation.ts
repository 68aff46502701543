/** What the ledger says when a rule is broken. */

export interface Violation {
  /** The rule, as the field names it: "Election Safety". */
  readonly property: string;
  /** Which check of which part found it: "ledger/election-safety". Stable, so that runs can be compared by it. */
  readonly oracle: string;
  /** The rule in words that a newcomer understands. */
  readonly statement: string;
  /** The two facts that contradict each other: whole sentences with servers, indexes, terms, and when it was seen. */
  readonly facts: readonly [string, string];
}
