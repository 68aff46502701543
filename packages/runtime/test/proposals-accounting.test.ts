/** The table of proposals alone, under a leadership that changes at random: what is counted is what is there. */

import { type PeerMessage, RaftError } from "@quorate/contracts";
import { NOBODY, type Raft, Random } from "@quorate/core";
import { expect, it } from "vitest";
import { Budget } from "../src/budget.js";
import { Proposals } from "../src/proposals.js";
import { RequestIds } from "../src/request-ids.js";
import { textCodec } from "./support/cluster.js";
import { World } from "./support/world.js";

class Table {
  readonly random: Random;
  readonly world = new World();
  readonly budget = new Budget(20_000);
  readonly raft = { role: "follower", currentTerm: 1, leaderId: NOBODY };
  readonly requests: Extract<PeerMessage, { kind: "propose" }>[] = [];
  readonly proposals: Proposals<string, number>;
  /** What is in the log: proposals as `[index, term]`. */
  readonly log: [number, number][] = [];
  lastIndex = 0;
  asked = 0;
  settled = 0;
  peerRequests = 0;
  peerAnswers = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.proposals = new Proposals<string, number>({
      nodeId: 1,
      raft: this.raft as unknown as Raft,
      codec: textCodec,
      clock: this.world.clock,
      budget: this.budget,
      ids: new RequestIds(seed, 0),
      proposeTimeoutMs: 100,
      electionTimeoutMs: 30,
      maxCommandBytes: 3000,
      maxInflightBytes: 5000,
      send: (message) => this.#onSent(message),
      canReach: () => this.pick(5) > 0,
      schedule: () => undefined,
    });
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
      () => this.world.stall(this.pick(40)),
    ];
    deeds[this.pick(deeds.length)]?.();
  }

  propose(): void {
    this.asked += 1;
    const settle = (): void => {
      this.settled += 1;
    };
    this.proposals.propose("x".repeat(this.pick(3300)), 1 + this.pick(200)).then(settle, settle);
  }

  requestOfPeer(): void {
    this.peerRequests += 1;
    const data = textCodec.encodeCommand("x".repeat(this.pick(3300)));
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
    for (const _ of input.commands) {
      this.lastIndex += 1;
      this.log.push([this.lastIndex, this.raft.currentTerm]);
    }
  }

  answer(): void {
    const request = this.requests.splice(this.pick(this.requests.length), 1)[0];
    if (request === undefined) return;
    const answers = [
      ["executed", ""],
      ["not-executed", "NOT_LEADER"],
      ["not-executed", "NOT_COMMITTED"],
      ["not-executed", "OVERLOADED"],
      ["unknown", "TIMED_OUT"],
      ["unknown", "nonsense"],
    ] as const;
    const [outcome, code] = answers[this.pick(answers.length)] ?? answers[0];
    const data = textCodec.encodeResult(1);
    const { requestId, to } = request;
    this.proposals.onAnswer({ kind: "proposeResult", from: to, to: 1, requestId, outcome, code, data, leaderId: 0 });
  }

  commit(): void {
    const [index, term] = this.log.shift() ?? [0, 0];
    if (index === 0) return;
    const fate = this.pick(4);
    if (fate === 0) this.proposals.onPassed(index);
    else this.proposals.onResult(index, fate === 1 ? term + 1 : term, 1);
  }

  changeLeadership(): void {
    const id = this.pick(4);
    this.raft.currentTerm += this.pick(2);
    this.raft.leaderId = id;
    this.raft.role = id === 1 ? "leader" : "follower";
    // A new leader may write over what is not committed.
    if (this.pick(2) === 0) this.lastIndex = this.log[0]?.[0] ?? this.lastIndex;
  }

  #onSent(message: PeerMessage): void {
    if (message.kind === "propose") this.requests.push(message);
    else if (message.kind === "proposeResult") this.peerAnswers += 1;
  }
}

it("F5, K9: what is counted is what is there, and everything settles once", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const table = new Table(seed);
    for (let step = 0; step < 400; step += 1) {
      table.step();
      expect(table.proposals.recountBytes(), `seed ${seed}, step ${step}`).toBe(table.budget.used);
    }
    table.proposals.stop(() => new RaftError("CLOSED", "over"));
    await new Promise((resolve) => setImmediate(resolve));
    expect([table.settled, table.peerAnswers], `seed ${seed}`).toEqual([table.asked, table.peerRequests]);
    expect(table.proposals.count).toBe(0);
  }
});
