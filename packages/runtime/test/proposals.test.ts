/** What becomes of proposals when things go wrong: one of three outcomes, the true one, and always one. */

import { RaftError } from "@quorate/contracts";
import { describe, expect, it } from "vitest";
import { errorOf } from "../src/forwarder.js";
import { PROPOSAL_OVERHEAD_BYTES } from "../src/proposal.js";
import { ENVELOPE_BYTES, makeEnvelope } from "../src/sessions/envelope.js";
import { Cluster, type Server, textCodec } from "./support/cluster.js";

const someCommand = makeEnvelope("command", new Uint8Array(1), 1, 1);

/** How often each line was applied, on each server that runs. */
function counts(servers: readonly Server[], line: string): number[] {
  return servers.map(({ journal }) => journal.lines.filter((each) => each === line).length);
}

/** A session is opened for the first command of a server: what is counted later has one. */
async function warmUp(cluster: Cluster, ...ids: readonly number[]): Promise<void> {
  for (const id of ids) await cluster.world.finish(cluster.propose(id, `warm ${id}`));
  await cluster.world.run(20);
}

/** The leader, and a line that it alone has in its log, for it was cut off: the second one after what all have. */
async function withLostEntry(timeoutMs: number) {
  const cluster = await Cluster.open(3);
  const former = await cluster.leader();
  await cluster.world.finish(cluster.propose(former, "first"));
  await cluster.world.run(20);
  cluster.network.isolate(former);
  cluster.propose(former, "also lost", timeoutMs).catch(() => undefined);
  const lost = cluster.propose(former, "lost", timeoutMs);
  const [one, two] = cluster.others(former) as [number, number];
  await cluster.world.until(() => [one, two].some((id) => cluster.server(id).node.status().role === "leader"));
  return { cluster, former, lost, one, two };
}

describe("K5: a proposal is its entry, index and term", () => {
  it("one whose place another entry took is proposed again, and executed once", async () => {
    const { cluster, former, lost, one } = await withLostEntry(60_000);
    // Its first entry opens the term, and the second, which opens a session, stands where the lost line stood.
    const { lastIndex } = cluster.server(former).node.status();
    await cluster.world.finish(cluster.propose(one, "second"));
    expect(cluster.server(one).node.status().commitIndex).toBeGreaterThanOrEqual(lastIndex);
    cluster.network.heal();
    expect(await cluster.world.finish(lost)).toBe(4);
    await cluster.world.run(100);
    expect(counts(cluster.servers, "lost")).toEqual([1, 1, 1]);
    // The place that it had is another's now.
    const { journal } = cluster.server(former);
    expect(journal.places[journal.lines.indexOf("lost")]?.index).toBeGreaterThan(lastIndex);
  });

  it("one that another leader committed as it was gets its result", async () => {
    const cluster = await Cluster.open(3);
    const former = await cluster.leader();
    await cluster.world.finish(cluster.propose(former, "first"));
    await cluster.world.run(20);
    // The followers get the entry; that they have it, the leader never learns.
    cluster.network.fate = ({ kind, to }) => (kind === "appendEntriesResult" && to === former ? "drop" : "deliver");
    const asked = cluster.propose(former, "kept", 60_000);
    await cluster.world.run(10);
    cluster.network.isolate(former);
    cluster.network.fate = () => "deliver";
    const [one] = cluster.others(former) as [number];
    await cluster.world.until(() => cluster.server(one).journal.lines.includes("kept"));
    cluster.network.heal();
    expect(await cluster.world.finish(asked)).toBe(2);
    await cluster.world.run(100);
    expect(counts(cluster.servers, "kept")).toEqual([1, 1, 1]);
  });
});

describe("K6: three outcomes", () => {
  it("to lose the leadership settles nothing: the deadline does, as unknown", async () => {
    const { cluster, former, lost } = await withLostEntry(3000);
    let isSettled = false;
    lost.catch(() => (isSettled = true));
    await cluster.world.until(() => cluster.server(former).node.status().role !== "leader");
    await cluster.world.run(1000);
    expect(isSettled).toBe(false);
    expect(await cluster.world.failure(lost)).toMatchObject({ code: "TIMED_OUT", outcome: "unknown" });
    cluster.network.heal();
    await cluster.world.run(1000);
    expect(counts(cluster.servers, "lost")).toEqual([0, 0, 0]);
  });

  it("without a leader it waits for one, and is not executed if there is none by the deadline", async () => {
    const cluster = await Cluster.open(3, {}, [1]);
    const hopeless = cluster.propose(1, "hopeless", 400);
    const patient = cluster.propose(1, "patient", 60_000);
    expect(await cluster.world.failure(hopeless)).toMatchObject({ code: "NO_LEADER", outcome: "not-executed" });
    await cluster.start(2);
    expect(await cluster.world.finish(patient)).toBe(1);
  });

  it("a follower that cannot reach its leader forwards nothing, and says for certain that it was not executed", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await warmUp(cluster, follower);
    const requests = () => cluster.network.sent.filter(({ kind }) => kind === "propose").length;
    const before = requests();
    const { transport, node } = cluster.server(follower);
    const { status } = transport;
    transport.status = () => ({ connected: [], droppedMessages: 0 });
    const failure = await cluster.world.failure(node.propose("out of reach", { timeoutMs: 500 }));
    expect(failure).toMatchObject({ code: "NO_LEADER", outcome: "not-executed" });
    const patient = node.propose("in reach later");
    await cluster.world.run(100);
    transport.status = status;
    expect(await cluster.world.finish(patient)).toBe(2);
    expect(requests()).toBe(before + 1);
  });

  it.each(["propose", "proposeResult"])("K1: %s lost: it is sent again, and executed once", async (kind) => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await warmUp(cluster, follower);
    let left = 2;
    cluster.network.fate = (message) => {
      if (message.kind !== kind || left === 0) return "deliver";
      left -= 1;
      return "drop";
    };
    expect(await cluster.world.finish(cluster.propose(follower, "asked"))).toBe(2);
    expect(left).toBe(0);
    await cluster.world.run(100);
    expect(counts(cluster.servers, "asked")).toEqual([1, 1, 1]);
  });

  it.each(["propose", "proposeResult"])("what is never answered is unknown at its deadline: %s lost", async (kind) => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await warmUp(cluster, follower);
    cluster.network.fate = (message) => (message.kind === kind ? "drop" : "deliver");
    const failure = await cluster.world.failure(cluster.propose(follower, "asked", 3000));
    expect(failure).toMatchObject({ code: "TIMED_OUT", outcome: "unknown" });
    await cluster.world.run(100);
    const times = kind === "propose" ? 0 : 1;
    expect(counts(cluster.servers, "asked")).toEqual([times, times, times]);
  });

  it("K1: the next leader is asked soon after the one that was asked is replaced", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower, other] = cluster.others(leader) as [number, number];
    await warmUp(cluster, follower);
    cluster.network.fate = (message) => (message.kind === "proposeResult" ? "drop" : "deliver");
    const asked = cluster.propose(follower, "asked", 60_000);
    await cluster.world.run(10);
    cluster.network.isolate(leader);
    cluster.network.fate = () => "deliver";
    await cluster.world.until(() => cluster.server(other).node.status().leaderId !== 0);
    expect(await cluster.world.finish(asked, 1000)).toBe(2);
    cluster.network.heal();
    await cluster.world.run(1000);
    expect(counts(cluster.servers, "asked")).toEqual([1, 1, 1]);
  });

  it("an answer that cannot be brought home leaves the effect, and says so", async () => {
    const cluster = await Cluster.open(3, {
      codec: {
        ...textCodec,
        encodeResult: () => {
          throw new Error("no bytes for this");
        },
      },
    });
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const failure = await cluster.world.failure(cluster.propose(follower, "done"));
    expect(failure).toMatchObject({ code: "RESULT_UNAVAILABLE", outcome: "unknown" });
    await cluster.world.run(100);
    expect(counts(cluster.servers, "done")).toEqual([1, 1, 1]);
    // At home it needs no bytes.
    expect(await cluster.world.finish(cluster.propose(leader, "here"))).toBe(2);
  });
});

describe("K7: forwarding", () => {
  it("K1: a request that the network doubles is executed once", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    cluster.network.fate = ({ kind }) => (kind === "propose" || kind === "proposeResult" ? "double" : "deliver");
    for (const line of ["a", "b", "c"]) await cluster.world.finish(cluster.propose(follower, line));
    await cluster.world.run(100);
    for (const { journal } of cluster.servers) expect(journal.lines).toEqual(["a", "b", "c"]);
  });

  it("K1: a copy that comes to the same leader in a later term is refused, though it has forgotten the first", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.propose(follower, "once"));
    const copy = cluster.network.sent.find(({ kind }) => kind === "propose");
    await cluster.world.finish(cluster.server(leader).node.close());
    await cluster.world.run(1000);
    await cluster.start(leader);
    while ((await cluster.leader()) !== leader) {
      cluster.network.isolate(await cluster.leader());
      await cluster.world.run(2000);
      cluster.network.heal();
      await cluster.world.run(100);
    }
    if (copy !== undefined) cluster.server(leader).transport.receive(0, copy);
    await cluster.world.run(100);
    expect(counts(cluster.servers, "once")).toEqual([1, 1, 1]);
  });

  it("K6: a copy that comes when the leader has stepped down does not take back what the first one began", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const answers = (): number => cluster.network.sent.filter(({ kind }) => kind === "proposeResult").length;
    cluster.network.fate = ({ kind }) => (kind === "appendEntriesResult" ? "drop" : "deliver");
    const asked = cluster.propose(follower, "taken", 60_000);
    await cluster.world.run(20);
    const copy = cluster.network.sent.find(({ kind }) => kind === "propose");
    cluster.network.isolate(leader);
    await cluster.world.until(() => cluster.server(leader).node.status().role !== "leader");
    const before = answers();
    if (copy !== undefined) cluster.server(leader).transport.receive(0, copy);
    await cluster.world.run(20);
    expect(answers()).toBe(before);
    asked.catch(() => undefined);
  });

  it("K6: a server that has restarted does not know what it took as leader before", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await cluster.world.finish(cluster.propose(follower, "once"));
    const copy = cluster.network.sent.find(({ kind }) => kind === "propose");
    await cluster.world.finish(cluster.server(leader).node.close());
    await cluster.start(leader);
    if (copy !== undefined) cluster.server(leader).transport.receive(0, copy);
    await cluster.world.run(0);
    const last = cluster.network.sent.filter(({ kind }) => kind === "proposeResult").at(-1);
    expect(last).toMatchObject({ from: leader, outcome: "unknown", code: "OUTCOME_UNKNOWN" });
  });

  it("a leader that is deposed in the same moment refuses, and passes nothing on", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [asker, other] = cluster.others(leader) as [number, number];
    const { currentTerm: term } = cluster.server(leader).node.status();
    const { transport } = cluster.server(leader);
    transport.receive(0, { kind: "propose", from: asker, to: leader, term, requestId: 1, data: someCommand });
    transport.receive(0, {
      kind: "heartbeat",
      from: other,
      to: leader,
      term: term + 1,
      round: 1,
      leaderCommit: 0,
      isQuiet: false,
    });
    await cluster.world.run(0);
    const sent = cluster.network.sent.filter(({ from }) => from === leader);
    expect(sent.filter(({ kind }) => kind === "proposeResult")).toMatchObject([
      { to: asker, requestId: 1, outcome: "not-executed", code: "NOT_LEADER" },
    ]);
    expect(sent.filter(({ kind }) => kind === "propose")).toEqual([]);
  });

  it("K8: goes one hop: who does not lead refuses, and names the leader only if it knows one", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [asker, asked] = cluster.others(leader) as [number, number];
    const { currentTerm } = cluster.server(leader).node.status();
    const request = { kind: "propose", from: asker, to: asked, term: currentTerm, data: new Uint8Array(1) } as const;
    const answers = () => cluster.network.sent.filter(({ kind, from }) => kind === "proposeResult" && from === asked);
    cluster.server(asked).transport.receive(0, { ...request, requestId: 1 });
    await cluster.world.run(5);
    expect(answers().at(-1)).toMatchObject({ outcome: "not-executed", code: "NOT_LEADER", leaderId: leader });
    expect(cluster.network.sent.some(({ kind, from }) => kind === "propose" && from === asked)).toBe(false);
    cluster.network.isolate(asked);
    await cluster.world.until(() => cluster.server(asked).node.status().leaderId === 0);
    cluster.server(asked).transport.receive(0, { ...request, requestId: 2 });
    expect(answers().at(-1)).toMatchObject({ code: "NOT_LEADER", leaderId: 0 });
  });

  it("a refusal is not passed on to the caller: the next leader is asked, and not the same one again", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    const { transport } = cluster.server(follower);
    await warmUp(cluster, follower);
    cluster.network.sent.length = 0;
    cluster.network.fate = ({ kind }) => (kind === "propose" ? "drop" : "deliver");
    const asked = cluster.propose(follower, "again", 60_000);
    await cluster.world.run(5);
    const requests = () => cluster.network.sent.filter((message) => message.kind === "propose");
    const [request] = requests();
    if (request === undefined) throw new Error("it was not forwarded");
    const { requestId } = request;
    const answer = { kind: "proposeResult", from: leader, to: follower, requestId, data: new Uint8Array() } as const;
    transport.receive(0, { ...answer, outcome: "not-executed", code: "NOT_LEADER", leaderId: 0 });
    await cluster.world.run(400);
    expect(requests()).toHaveLength(1);
    cluster.network.fate = () => "deliver";
    cluster.network.isolate(leader);
    expect(await cluster.world.finish(asked)).toBe(2);
    cluster.network.heal();
    await cluster.world.run(1000);
    expect(counts(cluster.servers, "again")).toEqual([1, 1, 1]);
  });

  it("an answer from someone who was not asked, or to nothing that was, is ignored", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower, other] = cluster.others(leader) as [number, number];
    const { transport, node } = cluster.server(follower);
    const asked = node.propose("asked");
    await cluster.world.run(0);
    const request = cluster.network.sent.find(({ kind }) => kind === "propose");
    if (request?.kind !== "propose") throw new Error("it was not forwarded");
    const answer = { kind: "proposeResult", to: follower, data: new Uint8Array(), leaderId: 0 } as const;
    const refusal = { ...answer, outcome: "unknown", code: "STOPPED_UNDER_WAY" } as const;
    transport.receive(0, { ...refusal, from: other, requestId: request.requestId });
    transport.receive(0, { ...refusal, from: leader, requestId: request.requestId + 1 });
    expect(await cluster.world.finish(asked)).toBe(1);
  });
});

describe("K9: every promise settles", () => {
  it("M-K5: at close: certain for what never left, unknown for what did, and peers are told", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower, other] = cluster.others(leader) as [number, number];
    await warmUp(cluster, leader, follower, other);
    cluster.network.fate = ({ kind }) => (kind === "appendEntriesResult" ? "drop" : "deliver");
    const appended = cluster.propose(leader, "appended");
    const forwarded = cluster.propose(follower, "forwarded");
    const alsoForwarded = cluster.propose(other, "also forwarded");
    await cluster.world.run(5);
    const gathered = cluster.propose(leader, "gathered");
    const read = cluster.read(leader);
    const closings = [leader, follower].map((id) => cluster.server(id).node.close());
    expect(await cluster.world.failure(appended)).toMatchObject({ code: "CLOSED_UNDER_WAY", outcome: "unknown" });
    expect(await cluster.world.failure(forwarded)).toMatchObject({ code: "CLOSED_UNDER_WAY", outcome: "unknown" });
    expect(await cluster.world.failure(gathered)).toMatchObject({ code: "CLOSED", outcome: "not-executed" });
    expect(await cluster.world.failure(read)).toMatchObject({ code: "CLOSED" });
    // That server goes on, and would ask the next leader if there were one.
    expect(await cluster.world.failure(alsoForwarded)).toMatchObject({ code: "TIMED_OUT", outcome: "unknown" });
    await cluster.world.finish(Promise.all(closings));
    for (const id of [leader, follower]) {
      expect(await cluster.world.failure(cluster.propose(id, "late"))).toMatchObject({ code: "CLOSED" });
      const { node } = cluster.server(id);
      expect(await cluster.world.failure(node.read(() => 1))).toMatchObject({ code: "CLOSED" });
      expect(await cluster.world.failure(node.read(() => 1, { consistency: "stale" }))).toMatchObject({
        code: "CLOSED",
      });
    }
  });

  it("leaves nothing behind when all is over", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const asked = cluster.servers.flatMap(({ node }) => [node.propose("x"), node.propose("y", { timeoutMs: 50 })]);
    await cluster.world.finish(Promise.allSettled(asked));
    await cluster.world.run(100);
    for (const { node } of cluster.servers) {
      expect(node.status()).toMatchObject({ pendingProposals: 0, pendingReads: 0, pendingBytes: 0 });
    }
    expect(cluster.server(leader).journal.lines.length).toBe(6);
  });
});

describe("refusals", () => {
  it("COMMAND_TOO_LARGE, COMMAND_NOT_ENCODABLE, INVALID_OPTIONS: at once, with nothing counted", async () => {
    const cluster = await Cluster.open(1, {
      maxCommandBytes: 10,
      codec: {
        ...textCodec,
        encodeCommand: (text) => {
          if (text === "throw") throw new Error("not this one");
          if (text === "string") return text as unknown as Uint8Array;
          return textCodec.encodeCommand(text);
        },
      },
    });
    await cluster.leader();
    expect(await cluster.world.finish(cluster.propose(1, "0123456789"))).toBe(1);
    const refused: [string, string][] = [
      ["0123456789!", "COMMAND_TOO_LARGE"],
      ["throw", "COMMAND_NOT_ENCODABLE"],
      ["string", "COMMAND_NOT_ENCODABLE"],
    ];
    for (const [line, code] of refused) {
      const failure = await cluster.world.failure(cluster.propose(1, line));
      expect(failure).toMatchObject({ code, outcome: "not-executed" });
    }
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
      for (const call of [cluster.propose(1, "x", timeoutMs), cluster.read(1, { timeoutMs })]) {
        expect(await cluster.world.failure(call)).toMatchObject({ code: "INVALID_OPTIONS" });
      }
    }
    expect(await cluster.world.finish(cluster.propose(1, "x", 12.5))).toBe(2);
    expect(cluster.server(1).node.status()).toMatchObject({ pendingBytes: 0, pendingProposals: 0 });
  });

  it("COMMAND_TOO_LARGE: by a leader too, for what a follower let through", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    const [follower] = cluster.others(leader) as [number];
    await warmUp(cluster, follower);
    // What arrives is checked where it arrives.
    cluster.network.fate = (message) => {
      if (message.kind === "propose") Object.assign(message, { data: new Uint8Array(3 * 1024 * 1024) });
      return "deliver";
    };
    const failure = await cluster.world.failure(cluster.propose(follower, "grows"));
    expect(failure).toMatchObject({ code: "COMMAND_TOO_LARGE", outcome: "not-executed" });
  });
});

it("F6: a flood is sent on as the answers come", async () => {
  const cluster = await Cluster.open(3, { maxAppendBytes: 1000, maxInflightBytes: 2000 });
  const leader = await cluster.leader();
  await cluster.world.finish(cluster.propose(leader, "first"));
  const flood = Array.from({ length: 100 }, () => cluster.propose(leader, "x".repeat(200)));
  const before = cluster.world.now;
  await cluster.world.finish(Promise.all(flood));
  // Some round trips and writes, and no heartbeat in between.
  expect(cluster.world.now - before).toBeLessThan(100);
  const sizes = cluster.network.sent.map((message) => {
    return message.kind === "appendEntries" ? message.entries.reduce((sum, { data }) => sum + data.length, 0) : 0;
  });
  // Four of them; a fifth would not fit.
  expect(Math.max(...sizes)).toBe(4 * (200 + ENVELOPE_BYTES) - 200 - ENVELOPE_BYTES);
});

it("F8: a flood is forwarded as the answers come, and none of it is lost", async () => {
  const cluster = await Cluster.open(3, { maxAppendBytes: 1000, maxInflightBytes: 5000 });
  const leader = await cluster.leader();
  const [follower] = cluster.others(leader) as [number];
  await cluster.world.finish(cluster.propose(follower, "first"));
  const flood = Array.from({ length: 100 }, () => cluster.propose(follower, "x".repeat(200)));
  let underWay = 0;
  let most = 0;
  cluster.network.fate = ({ kind }) => {
    if (kind === "propose") underWay += 1;
    if (kind === "proposeResult") underWay -= 1;
    most = Math.max(most, underWay);
    return "deliver";
  };
  const before = cluster.world.now;
  await cluster.world.finish(Promise.all(flood));
  expect(most).toBe(Math.floor(5000 / (200 + PROPOSAL_OVERHEAD_BYTES)));
  expect(cluster.world.now - before).toBeLessThan(500);
});

describe("F4: what is under way is bounded in bytes", () => {
  async function withoutCommits() {
    const cluster = await Cluster.open(3, { maxPendingBytes: 10_000, maxCommandBytes: 10_000 });
    const leader = await cluster.leader();
    await cluster.world.finish(cluster.propose(leader, "first"));
    for (const id of cluster.others(leader)) cluster.server(id).storage.isHanging = true;
    return { cluster, leader };
  }

  it("OVERLOADED beyond it, until there is room again", async () => {
    const { cluster, leader } = await withoutCommits();
    const line = "x".repeat(1000);
    const asked = Array.from({ length: 10 }, () => cluster.propose(leader, line).catch((error: unknown) => error));
    await cluster.world.run(10);
    const { pendingBytes } = cluster.server(leader).node.status();
    expect(pendingBytes).toBeLessThanOrEqual(10_000);
    for (const id of cluster.others(leader)) cluster.server(id).storage.resume();
    const results = await cluster.world.finish(Promise.all(asked));
    const refused = results.filter((result) => result instanceof RaftError && result.code === "OVERLOADED");
    expect(refused).toHaveLength(4);
    expect(await cluster.world.finish(cluster.propose(leader, line))).toBe(8);
  });

  it("what timed out still counts, for it is still in the log, until it is committed", async () => {
    const { cluster, leader } = await withoutCommits();
    const line = "x".repeat(4000);
    const asked = [cluster.propose(leader, line, 100), cluster.propose(leader, line, 100)];
    for (const each of asked) expect(await cluster.world.failure(each)).toMatchObject({ code: "TIMED_OUT" });
    expect(await cluster.world.failure(cluster.propose(leader, line))).toMatchObject({ code: "OVERLOADED" });
    for (const id of cluster.others(leader)) cluster.server(id).storage.resume();
    await cluster.world.run(100);
    expect(cluster.server(leader).node.status().pendingBytes).toBe(0);
    expect(await cluster.world.finish(cluster.propose(leader, line))).toBe(4);
  });

  it("F5: and no longer once another leader decides what becomes of it", async () => {
    const cluster = await Cluster.open(3);
    const leader = await cluster.leader();
    await warmUp(cluster, leader);
    cluster.network.isolate(leader);
    const lost = cluster.propose(leader, "x".repeat(1000), 100);
    expect(await cluster.world.failure(lost)).toMatchObject({ code: "TIMED_OUT" });
    expect(cluster.server(leader).node.status()).toMatchObject({ role: "leader", pendingProposals: 0 });
    expect(cluster.server(leader).node.status().pendingBytes).toBeGreaterThan(1000);
    await cluster.world.until(() => cluster.server(leader).node.status().role !== "leader");
    await cluster.world.run(10);
    expect(cluster.server(leader).node.status().pendingBytes).toBe(0);
  });

  it("one that is too large for it goes if nothing else does", async () => {
    const cluster = await Cluster.open(1, { maxPendingBytes: 1000, maxCommandBytes: 1000 });
    await cluster.leader();
    expect(await cluster.world.finish(cluster.propose(1, "x".repeat(1000)))).toBe(1);
  });
});

it("K6: an answer that contradicts itself, or is not understood, is no certainty", () => {
  const answer = { kind: "proposeResult", from: 2, to: 1, requestId: 1, data: new Uint8Array(), leaderId: 0 } as const;
  const meanings = [
    ["not-executed", "OVERLOADED", "OVERLOADED"],
    ["unknown", "TIMED_OUT", "TIMED_OUT"],
    ["unknown", "OVERLOADED", "OUTCOME_UNKNOWN"],
    ["unknown", "a code to come", "OUTCOME_UNKNOWN"],
    ["not-executed", "TIMED_OUT", "NOT_LEADER"],
    ["not-executed", "a code to come", "NOT_LEADER"],
  ] as const;
  for (const [outcome, code, meaning] of meanings) expect(errorOf({ ...answer, outcome, code }).code).toBe(meaning);
});
