/**
 * What a checker must know of the object whose history it checks: how it starts, and what each operation does to it.
 *
 * A `Model` is written in plain values, and is all that a user needs to write. The search itself works on small
 * integers; `CompiledModel` is that view. Any model gets one by itself (see search/interned.ts), and a model that can
 * do better brings its own.
 */

/** What `step` answers when an operation cannot have had its result in that state. */
export const illegal: unique symbol = Symbol("illegal");

/** An object, as a deterministic machine. All functions must be pure. */
export interface Model<State, Operation> {
  readonly name: string;

  /** The state before the first operation. */
  init(): State;

  /**
   * The state after `operation`, result included, or `illegal` if it cannot have had that result. An operation whose
   * outcome is unknown has no result: it is legal wherever it can take effect.
   */
  step(state: State, operation: Operation): State | typeof illegal;

  /** States with the same fingerprint are the same state. Default: the state if it is a primitive, else its JSON. */
  fingerprint?(state: State): string | number;

  /**
   * The part, or parts, of the object that an operation touches. Operations that share no part, directly or through
   * others, are checked apart, which is much faster. Default: all operations touch the same part.
   */
  partition?(operation: Operation): string | readonly string[];

  /** Whether `operation` never changes any state. Makes checking faster. Default: no operation does. */
  isRead?(operation: Operation): boolean;

  /**
   * Whether `earlier` may be a reason for what `observer` saw. A failing history is made smaller only in ways that
   * leave each observation its reasons. Default: everything that is not a read may be.
   */
  explains?(observer: Operation, earlier: Operation): boolean;

  /** Whether the state after `operation` does not depend on the one before it. Default: no. */
  isOverwrite?(operation: Operation): boolean;

  /**
   * Whether `operation` and `previous`, the one before it of the same process, make sense only together: a lock that is
   * released and was acquired. A failing history is made smaller only by both at once. Default: no.
   */
  completes?(operation: Operation, previous: Operation): boolean;

  /** `operation` in a few words, for pictures. Default: its JSON. */
  describe?(operation: Operation): string;

  /** `state` in a few words, for pictures. Default: its JSON. */
  describeState?(state: State): string;

  /** A faster view of these operations, which share a part. Call `i` of the view is `operations[i]`. */
  compile?(operations: readonly Operation[]): CompiledModel;

  /** A procedure for this model that needs no search. `null`: it cannot tell, search. */
  decide?(calls: readonly Call<Operation>[]): Decision | null;
}

/** One operation of a history, and when it was under way. */
export interface Call<Operation> {
  /** Who called. A process has one operation at a time. */
  readonly process: string | number;
  readonly operation: Operation;
  /** Any clock that all calls share. */
  readonly invokedAt: number;
  /** `null` if the outcome is unknown: it may have taken effect at any time after `invokedAt`, or never. */
  readonly returnedAt: number | null;
}

/** What a decision procedure found: an order (places in its input), or that there is none. */
export type Decision =
  | { readonly isLinearizable: true; readonly order: readonly number[] }
  | { readonly isLinearizable: false };

/** What `CompiledModel.step` answers for `illegal`. States are numbers from 0. */
export const ILLEGAL = -1;

/** What `CompiledModel.wants` and `gives` answer when there is nothing to say. */
export const NOTHING = -1;

/** A model of a given row of operations, in integers. */
export interface CompiledModel {
  readonly initialState: number;

  /** The state after operation `call`, or `ILLEGAL`. Equal states are equal numbers. */
  step(state: number, call: number): number;

  isRead(call: number): boolean;

  /** Operations of unknown outcome with the same class are the same in all but their time. Default: none are. */
  classOf?(call: number): number;

  /**
   * For models in which an operation of unknown outcome need never take effect but right before one that depends on
   * it: `wants` is what `call` lacks in `state`, `gives` is what an operation brings, `NOTHING` if that is nothing.
   * Operations of unknown outcome are then tried only where they give what is wanted. Both or neither.
   */
  readonly hints?: {
    wants(state: number, call: number): number;
    gives(call: number): number;
  };

  /**
   * For models whose reads tell much: `sees` says of which operations, and `isHopeless` whether no way leads from
   * `state` to `observer`, such an operation, which comes before all others that see. `mayPrecede` tells whether an
   * operation can still take effect before it.
   */
  readonly lookahead?: {
    sees(call: number): boolean;
    isHopeless(state: number, observer: number, mayPrecede: (call: number) => boolean): boolean;
  };

  /** About how much memory its states hold by now. Default: nothing. */
  memoryBytes?(): number;
}

/** The state's fingerprint, by the model or by default. */
export function fingerprintOf<State, Operation>(model: Model<State, Operation>, state: State): unknown {
  if (model.fingerprint !== undefined) return model.fingerprint(state);
  return identityOf(state);
}

/** A primitive for which equal values are equal: the value itself, or its JSON with sorted keys. */
export function identityOf(value: unknown): unknown {
  return typeof value === "object" && value !== null ? `\u0000${canonicalJson(value)}` : value;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join()}}`;
}
