/** The table of proposals alone, under a leadership that changes at random: what is counted is what is there. */

import { type PeerMessage, RaftError } from "@quorate/contracts";
import { NOBODY, type Raft, Random } from "@quorate/core";
import { expect, it } from "vitest";
import { Budget } from "../src/budget.js";
import { Client } from "../src/client.js";
import type { Proposals } from "../src/proposals.js";
import { RequestIds } from "../src/request-ids.js";
import { type Answer, Reply } from "../src/sessions/answer.js";
import { ClusterTime } from "../src/sessions/cluster-time.js";
import { encodeId, makeEnvelope, readEnvelope } from "../src/sessions/envelope.js";
import { Ticker } from "../src/sessions/ticker.js";
import { textCodec } from "./support/cluster.js";
import { World } from "./support/world.js";

class Table {
  readonly random: Random;
  readonly world = new World();
  readonly budget = new Budget(20_000);
  readonly raft = { role: "follower", currentTerm: 1, leaderId: NOBODY, transferTo: NOBODY };
  readonly requests: Extract<PeerMessage, { kind: "propose" }>[] = [];
  readonly client: Client<string, number>;
  readonly proposals: Proposals<number>;
  /** What is in the log. */
  readonly log: { readonly index: number; readonly term: number; readonly data: Uint8Array }[] = [];
  readonly controllers: AbortController[] = [];
  lastIndex = 0;
  asked = 0;
  settled = 0;
  peerRequests = 0;
  peerAnswers = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const time = new ClusterTime(this.world.clock);
    this.client = new Client<string, number>({
      nodeId: 1,
      raft: this.raft as unknown as Raft,
      codec: textCodec,
      clock: this.world.clock,
      budget: this.budget,
      ids: new RequestIds(seed, 0),
      time,
      ticker: new Ticker(time, {
        nextSessionExpiryMs: () => Number.POSITIVE_INFINITY,
        nextStateExpiryMs: () => (this.pick(3) === 0 ? this.world.now : Number.POSITIVE_INFINITY),
      }),
      sessionTimeoutMs: 1000,
      proposeTimeoutMs: 100,
      electionTimeoutMs: 30,
      maxCommandBytes: 3000,
      maxInflightBytes: 5000,
      send: (message) => this.#onSent(message),
      canReach: () => this.pick(5) > 0,
      schedule: () => undefined,
    });
    this.proposals = this.client.proposals;
  }

  pick(below: number): number {
    return Math.floor(this.random.between(0, below));
  }

  step(): void {
    const deeds = [
      () => this.propose(),
      () => this.propose(),
      () => this.requestOfPeer(),
      () => this.turn(),
      () => this.turn(),
      () => this.answer(),
      () => this.commit(),
      () => this.changeLeadership(),
      () => this.abort(),
      () => this.world.stall(this.pick(40)),
    ];
    deeds[this.pick(deeds.length)]?.();
  }

  propose(): void {
    this.asked += 1;
    const settle = (): void => {
      this.settled += 1;
    };
    const controller = new AbortController();
    const options = { timeoutMs: 1 + this.pick(200), signal: controller.signal };
    const line = "x".repeat(this.pick(3300));
    const deeds = [
      () => this.client.tend("keepAlive", 1, options),
      () => this.client.openSession(1000, options),
      () => this.client.propose(line, options),
    ];
    (deeds[this.pick(6)] ?? deeds[2])?.().then(settle, settle);
    if (this.pick(4) === 0) this.controllers.push(controller);
  }

  abort(): void {
    this.controllers.splice(this.pick(this.controllers.length), 1)[0]?.abort();
  }

  requestOfPeer(): void {
    this.peerRequests += 1;
    const command = textCodec.encodeCommand("x".repeat(this.pick(3300)));
    const data = makeEnvelope("command", command, 1, this.peerRequests);
    const term = this.raft.currentTerm - (this.pick(4) === 0 ? 1 : 0);
    this.proposals.onRequest({ kind: "propose", from: 2, to: 1, term, requestId: this.peerRequests, data });
  }

  turn(): void {
    this.proposals.expire(this.world.now);
    const input = this.proposals.route(this.world.now);
    if (input === null) return;
    const { proposalId } = input;
    if (this.raft.role !== "leader") {
      this.proposals.onOutcome({ proposalId, accepted: false, leaderId: NOBODY });
      return;
    }
    this.proposals.onOutcome({
      proposalId,
      accepted: true,
      firstIndex: this.lastIndex + 1,
      term: this.raft.currentTerm,
    });
    for (const data of input.commands) {
      this.lastIndex += 1;
      this.log.push({ index: this.lastIndex, term: this.raft.currentTerm, data });
    }
    this.proposals.onDrained();
  }

  answer(): void {
    const request = this.requests.splice(this.pick(this.requests.length), 1)[0];
    if (request === undefined) return;
    const answers = [
      ["executed", ""],
      ["not-executed", "NOT_LEADER"],
      ["not-executed", "SESSION_EXPIRED"],
      ["not-executed", "OVERLOADED"],
      ["unknown", "TIMED_OUT"],
      ["unknown", "nonsense"],
    ] as const;
    const [outcome, code] = answers[this.pick(answers.length)] ?? answers[0];
    const data = readEnvelope(request.data).kind === "open" ? encodeId(7) : textCodec.encodeResult(1);
    const { requestId, to } = request;
    this.proposals.onAnswer({ kind: "proposeResult", from: to, to: 1, requestId, outcome, code, data, leaderId: 0 });
  }

  commit(): void {
    const entry = this.log.shift();
    if (entry === undefined) return;
    const { index, term, data } = entry;
    const { kind, session } = readEnvelope(data);
    const done: Answer<number> = kind === "open" ? { kind: "bytes", data: encodeId(index) } : answer;
    const answers: Answer<number>[] = [
      done,
      done,
      { kind: "refused", code: "SESSION_EXPIRED", message: "It is over." },
      { kind: "refused", code: "OVERLOADED", message: "Too far ahead." },
    ];
    if (this.pick(10) === 0) this.client.onSessionEnd(session);
    this.proposals.onApplied(index, this.pick(4) === 0 ? term + 1 : term, answers[this.pick(4)] ?? done);
  }

  changeLeadership(): void {
    const id = this.pick(4);
    const newTerms = this.pick(2);
    this.raft.currentTerm += newTerms;
    this.raft.leaderId = id;
    this.raft.role = id === 1 ? "leader" : "follower";
    this.raft.transferTo = id === 1 && this.pick(3) === 0 ? 2 : NOBODY;
    // A new leader may write over what is not committed.
    if (newTerms > 0 && this.pick(2) === 0) this.lastIndex = this.log[0]?.index ?? this.lastIndex;
  }

  #onSent(message: PeerMessage): void {
    if (message.kind === "propose") this.requests.push(message);
    else if (message.kind === "proposeResult") this.peerAnswers += 1;
  }
}

const answer: Answer<number> = new Reply(1, textCodec);

it("F5, K9: what is counted is what is there, and everything settles once", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const table = new Table(seed);
    for (let step = 0; step < 400; step += 1) {
      table.step();
      expect(table.proposals.recountBytes(table.client.parked()), `seed ${seed}, step ${step}`).toBe(table.budget.used);
    }
    table.proposals.stop(() => new RaftError("CLOSED", "over"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([table.settled, table.peerAnswers], `seed ${seed}`).toEqual([table.asked, table.peerRequests]);
    expect(table.proposals.count).toBe(0);
  }
});
