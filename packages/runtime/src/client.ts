/**
 * What callers in this process ask of the cluster, each in a session: one that this server opens for itself, the first
 * time that it is needed and again when it has expired, or one that the caller has opened (PITFALLS K1, K13).
 */

import { type Clock, type CommandCodec, RaftError } from "@quorate/contracts";
import { abortError, type CallOptions, listenTo } from "./abort.js";
import { bytesOf, LocalAsker, resultOf, type Told } from "./askers.js";
import { checkCommandSize, encodeCommand } from "./commands.js";
import type { Numbering, Proposal } from "./proposal.js";
import { Proposals, type ProposalsOptions, type SessionKeeper } from "./proposals.js";
import { ClientSession } from "./sessions/client-session.js";
import { decodeId, ENVELOPE_BYTES, type EnvelopeKind, fillEnvelope, makeEnvelope } from "./sessions/envelope.js";
import { Slab } from "./slab.js";

const NO_PAYLOAD = new Uint8Array(0);

export interface ClientOptions<Command, Result> extends ProposalsOptions {
  readonly clock: Clock;
  readonly codec: CommandCodec<Command, Result>;
  readonly sessionTimeoutMs: number;
}

export class Client<Command, Result> implements SessionKeeper<Result> {
  readonly proposals: Proposals<Result>;
  readonly #options: ClientOptions<Command, Result>;
  /** What the state machine answered. */
  readonly #resultOf: (answer: Told<Result>) => Result;
  /** What commands are laid out in. */
  readonly #slab = new Slab();
  #own: ClientSession<Proposal<Result>> | null = null;
  /** Those that were opened here and are not over, by their id. */
  readonly #sessions = new Map<number, ClientSession<Proposal<Result>>>();

  constructor(options: ClientOptions<Command, Result>) {
    this.#options = options;
    this.#resultOf = (answer) => resultOf(options.codec, answer);
    this.proposals = new Proposals(options, this);
  }

  /** Proposes in the session of this server. */
  propose(command: Command, options: CallOptions): Promise<Result> {
    return this.proposeIn(
      { session: this.#ownSession(), sequence: 0, acknowledgedBelow: 0, isRetry: false },
      command,
      options,
    );
  }

  proposeIn(numbering: Numbering<Result>, command: Command, options: CallOptions): Promise<Result> {
    const { codec, maxCommandBytes } = this.#options;
    return new Promise((resolve, reject) => {
      const payload = encodeCommand(codec, command);
      checkCommandSize(payload.length, maxCommandBytes);
      const asker = new LocalAsker<Result, Result>(this.#resultOf, resolve, reject);
      const data = this.#slab.take(ENVELOPE_BYTES + payload.length);
      fillEnvelope(data, "command", payload);
      this.#admit(data, asker, numbering, options);
    });
  }

  /** Opens a session that expires when it was not used for so long; resolves with the session. */
  openSession(expiresAfterMs: number, options: CallOptions): Promise<ClientSession<Proposal<Result>>> {
    return new Promise((resolve, reject) => {
      const asker = new LocalAsker<Result, ClientSession<Proposal<Result>>>(
        (answer) => this.#opened(new ClientSession(decodeId(bytesOf(answer)), false)),
        resolve,
        reject,
      );
      this.#admit(makeEnvelope("open", NO_PAYLOAD, expiresAfterMs, 1), asker, null, options);
    });
  }

  /** Keeps a session from expiring, or closes it. */
  tend(kind: Extract<EnvelopeKind, "keepAlive" | "close">, id: number, options: CallOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const asker = new LocalAsker<Result, void>(() => undefined, resolve, reject);
      this.#admit(makeEnvelope(kind, NO_PAYLOAD, id), asker, null, options);
    });
  }

  /** What waits for a number, or for its session. For the count of bytes. */
  parked(): Proposal<Result>[] {
    const sessions = new Set([...this.#sessions.values(), ...(this.#own === null ? [] : [this.#own])]);
    return [...sessions].flatMap(({ parked }) => parked);
  }

  // --- what proposals and the state of this server tell ---

  /** A session is over, as this server has applied it. */
  onSessionEnd(id: number): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#end(session);
  }

  enter(proposal: Proposal<Result>): void {
    const { session } = proposal;
    if (session === null || proposal.isNumberedByCaller) return this.proposals.gather(proposal);
    if (session.hasRoom && !session.hasParked && !session.isOver) return this.#numberOne(session, proposal);
    proposal.stage = "parked";
    session.park(proposal);
    if (session.isOver) this.#moveParked(session);
    else if (session.id === 0) this.#open(session);
    else this.#number(session);
  }

  onSettled({ session, sequence, isNumberedByCaller }: Proposal<Result>): void {
    if (session === null || isNumberedByCaller || sequence === 0) return;
    session.settle(sequence);
    if (session.hasParked) this.#number(session);
  }

  renew(proposal: Proposal<Result>): boolean {
    const { session } = proposal;
    if (session === null) return false;
    this.#end(session);
    if (!session.isOwn) return false;
    proposal.session = this.#ownSession();
    proposal.sequence = 0;
    this.enter(proposal);
    return true;
  }

  // --- sessions ---

  #ownSession(): ClientSession<Proposal<Result>> {
    if (this.#own === null || this.#own.isOver) this.#own = new ClientSession<Proposal<Result>>(0, true);
    return this.#own;
  }

  /** Opens the own session, as often as it takes, while anyone waits for it. */
  #open(session: ClientSession<Proposal<Result>>): void {
    if (session.isOpening || this.proposals.isStopped) return;
    session.isOpening = true;
    const { clock, proposeTimeoutMs, sessionTimeoutMs } = this.#options;
    const again = (): void => {
      session.isOpening = false;
      if (session.parked.length > 0) this.#open(session);
    };
    const resolve = (id: number): void => {
      session.isOpening = false;
      session.id = id;
      this.#number(this.#opened(session));
    };
    const asker = new LocalAsker<Result, number>((answer) => decodeId(bytesOf(answer)), resolve, again);
    const data = makeEnvelope("open", NO_PAYLOAD, sessionTimeoutMs);
    const endsAt = clock.now() + proposeTimeoutMs;
    this.proposals.admit({ data, asker, isForPeer: false, endsAt, numbering: null }, true);
  }

  #opened(session: ClientSession<Proposal<Result>>): ClientSession<Proposal<Result>> {
    this.#sessions.set(session.id, session);
    return session;
  }

  /** Gives numbers to those that wait for one, as far as there are any, and sends them on their way. */
  #number(session: ClientSession<Proposal<Result>>): void {
    while (session.hasRoom) {
      const proposal = session.unpark();
      if (proposal === undefined) return;
      this.#numberOne(session, proposal);
    }
  }

  #numberOne(session: ClientSession<Proposal<Result>>, proposal: Proposal<Result>): void {
    proposal.sequence = session.nextSequence();
    this.proposals.gather(proposal);
  }

  #end(session: ClientSession<Proposal<Result>>): void {
    if (session.isOver) return;
    session.isOver = true;
    this.#sessions.delete(session.id);
    this.#moveParked(session);
  }

  /** What waits for a number in a session that is over was executed nowhere. */
  #moveParked(session: ClientSession<Proposal<Result>>): void {
    for (let proposal = session.unpark(); proposal !== undefined; proposal = session.unpark()) {
      if (session.isOwn) {
        proposal.session = this.#ownSession();
        this.enter(proposal);
      } else {
        this.proposals.fail(proposal, new RaftError("SESSION_EXPIRED", `Session ${session.id} is over.`));
      }
    }
  }

  #admit<Value>(
    data: Uint8Array,
    asker: LocalAsker<Result, Value>,
    numbering: Numbering<Result> | null,
    { timeoutMs = this.#options.proposeTimeoutMs, signal }: CallOptions,
  ): void {
    if (signal?.aborted === true) throw abortError(signal, false);
    const endsAt = this.#options.clock.now() + timeoutMs;
    const proposal = this.proposals.admit({ data, asker, isForPeer: false, endsAt, numbering });
    if (signal === undefined) return;
    const abort = (): void => this.proposals.abort(proposal, (isUnderWay) => abortError(signal, isUnderWay));
    asker.onSettled = listenTo(signal, abort);
  }
}
