/** Who finds out that state machines do not agree, and who has to go (PITFALLS O8). */

import type { PeerMessage, RaftError } from "@quorate/contracts";
import { foundingConfiguration, type Index, type NodeId, type Raft, Random } from "@quorate/core";
import { describe, expect, it } from "vitest";
import { DigestChain } from "../../src/digests/digest-chain.js";
import { Divergence } from "../../src/digests/divergence.js";

const INTERVAL_MS = 100;

interface Server {
  readonly id: NodeId;
  readonly chain: DigestChain;
  readonly divergence: Divergence;
  stopped: RaftError | null;
  undecided: RaftError[];
}

/** Server 1 leads `size` of them; messages arrive at once, but for those that `loses` picks. */
class Group {
  readonly servers: Server[] = [];
  now = 0;
  loses: (message: PeerMessage) => boolean = () => false;
  sent = 0;

  constructor(size: number, witnesses: readonly NodeId[] = []) {
    const ids = Array.from({ length: size }, (_, place) => place + 1);
    const members = ids.map((id) => ({
      id,
      name: `n${id}`,
      address: `n${id}`,
      ...(witnesses.includes(id) ? { isWitness: true } : {}),
    }));
    const configuration = foundingConfiguration(members);
    for (const id of ids) {
      const raft = {
        role: id === 1 ? "leader" : "follower",
        currentTerm: 3,
        leaderId: 1,
        configuration,
        peers: ids,
      } as unknown as Raft;
      const chain = new DigestChain({ index: 0, digest: 0 });
      const divergence = new Divergence({
        nodeId: id,
        raft,
        chain,
        intervalMs: INTERVAL_MS,
        send: (message) => this.#deliver(message),
        onDiverged: (error) => {
          server.stopped = error;
        },
        onUndecided: (error) => server.undecided.push(error),
      });
      const server: Server = { id, chain, divergence, stopped: null, undecided: [] };
      this.servers.push(server);
    }
  }

  server(id: NodeId): Server {
    return this.servers[id - 1] as Server;
  }

  /** Each applies up to `index`; from `wrongFrom` on server `liar` answers something else. */
  apply(index: Index, wrong: ReadonlyMap<NodeId, Index> = new Map()): void {
    for (const { id, chain } of this.servers) {
      for (let each = chain.last.index + 1; each <= index; each += 1) {
        const isWrong = wrong.get(id) === each;
        chain.onAnswer(each, Uint8Array.of(each & 0xff, isWrong ? id : 0));
      }
    }
  }

  run(rounds: number): void {
    for (let round = 0; round < rounds; round += 1) {
      this.now += INTERVAL_MS;
      for (const { stopped, divergence } of this.servers) if (stopped === null) divergence.onTurn(this.now);
    }
  }

  stopped(): NodeId[] {
    return this.servers.filter(({ stopped }) => stopped !== null).map(({ id }) => id);
  }

  #deliver(message: PeerMessage): void {
    this.sent += 1;
    const to = this.server(message.to);
    if (this.loses(message) || to.stopped !== null) return;
    to.divergence.onMessage(message as Parameters<Divergence["onMessage"]>[0]);
  }
}

describe("Divergence", () => {
  it("leaves servers alone that agree", () => {
    const group = new Group(3);
    for (let index = 100; index <= 1000; index += 100) {
      group.apply(index);
      group.run(1);
    }
    expect(group.stopped()).toEqual([]);
  });

  it.each([1, 2, 517, 999, 1000])("O8, E-V6: names the first entry that a follower answered otherwise: %i", (index) => {
    const group = new Group(3);
    group.apply(1000, new Map([[2, index]]));
    group.run(30);
    expect(group.stopped()).toEqual([2]);
    expect(group.server(2).stopped).toMatchObject({
      code: "STATE_DIVERGED",
      message: expect.stringContaining(`entry ${index}.`),
    });
  });

  it("O8: it is the leader that goes if it is the minority", () => {
    const group = new Group(5);
    group.apply(300, new Map([[1, 123]]));
    group.run(30);
    expect(group.stopped()).toEqual([1]);
  });

  it("with messages lost, it only takes longer", () => {
    const group = new Group(3);
    const random = new Random(1);
    group.loses = () => random.nextUint32() % 3 === 0;
    group.apply(1000, new Map([[3, 700]]));
    group.run(300);
    expect(group.stopped()).toEqual([3]);
    expect(group.server(3).stopped?.message).toContain("entry 700.");
  });

  it("without a majority nobody goes, and it is said once", () => {
    const group = new Group(2);
    group.apply(50, new Map([[2, 20]]));
    group.run(50);
    expect(group.stopped()).toEqual([]);
    expect(group.server(1).undecided).toHaveLength(1);
    expect(group.server(1).undecided[0]?.message).toContain("entry 20 ");
  });

  it("a witness has no state, and no say", () => {
    const group = new Group(3, [3]);
    group.loses = ({ from, to }) => from === 3 || to === 3;
    group.apply(50, new Map([[2, 20]]));
    group.run(50);
    expect(group.server(1).undecided).toHaveLength(1);
  });

  it("nothing is decided while a majority cannot be asked; it is once it can", () => {
    const group = new Group(3);
    group.apply(50, new Map([[2, 20]]));
    group.loses = ({ from, to }) => from === 3 || to === 3;
    group.run(50);
    expect([group.stopped(), group.server(1).undecided]).toEqual([[], []]);
    group.loses = () => false;
    group.run(20);
    expect(group.stopped()).toEqual([2]);
  });

  it("a server that is behind is judged once it gets there", () => {
    const behind = new Group(3);
    behind.server(2).chain.onAnswer(1, Uint8Array.of(1, 9));
    for (let index = 2; index <= 50; index += 1) behind.server(2).chain.onPassed(index);
    behind.run(5);
    expect(behind.stopped()).toEqual([]);
    behind.apply(50);
    behind.run(30);
    expect(behind.stopped()).toEqual([2]);
  });

  it("what a former term said does not count", () => {
    const group = new Group(3);
    group.apply(10);
    const { divergence } = group.server(2);
    divergence.onMessage({ kind: "stateDigestVerdict", from: 1, to: 2, term: 2, index: 5, digest: 1 });
    divergence.onMessage({ kind: "stateDigestVerdict", from: 3, to: 2, term: 3, index: 5, digest: 1 });
    expect(group.stopped()).toEqual([]);
    divergence.onMessage({ kind: "stateDigestVerdict", from: 1, to: 2, term: 3, index: 5, digest: 1 });
    expect(group.stopped()).toEqual([2]);
  });
});
