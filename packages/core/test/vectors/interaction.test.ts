/** Whole scripts of etcd's raft, where we have all their commands: who leads which term, and what is committed where. */

import { expect } from "vitest";
import { Cluster } from "../support/cluster.js";
import { logOf } from "../support/entries.js";
import { describeVectors } from "./load.js";

interface Step {
  readonly cmd: string;
  readonly pos: readonly string[];
  readonly args?: Readonly<Record<string, string | readonly string[]>>;
}

interface Script {
  readonly name: string;
  readonly level: string;
  readonly steps: readonly Step[];
  readonly outcome: {
    readonly leadersByTerm: Readonly<Record<string, readonly number[]>>;
    readonly committedSeen: Readonly<Record<string, { readonly term: number }>>;
  };
}

const FINE = "steps through single rounds of output, whose order is that implementation's own";

const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  campaign_learner_must_vote: "a change is one entry there; see promoted-learner-votes.txt",
  checkquorum: FINE,
  confchange_disable_validation: "our validation cannot be switched off",
  confchange_v1_remove_leader: "a change is one entry there; see remove-the-leader.txt",
  confchange_v1_remove_leader_stepdown: "a change is one entry there; see remove-the-leader.txt",
  confchange_v2_add_double_implicit: "there new members vote at once; see grow-from-one.txt",
  confchange_v2_replace_leader: "there a change is left by a command; see replace-the-leader.txt",
  forget_leader: "a command to forget the leader, which we do not have",
  forget_leader_read_only_lease_based: "a command to forget the leader, which we do not have",
  heartbeat_resp_recovers_from_probing: FINE,
  lagging_commit: FINE,
  probe_and_replicate: FINE,
  snapshot_succeed_via_app_resp: `${FINE}; see snapshot-for-the-absent.txt`,
};

describeVectors<Script>("interaction.json", run, NOT_APPLICABLE);

function run({ level, steps, outcome }: Script): void {
  expect(level).toBe("coarse");
  let cluster = new Cluster({ size: 1 });
  for (const { cmd, pos, args } of steps) {
    switch (cmd) {
      case "log-level":
        break;
      case "add-nodes":
        cluster = clusterOf(Number(pos[0]), Number(args?.["index"]));
        break;
      case "campaign":
        cluster.campaign(Number(pos[0]));
        break;
      case "stabilize":
        cluster.settle();
        break;
      default:
        throw new Error(`there is no command ${cmd}`);
    }
  }
  const { leaders, committed } = cluster.invariants;
  expect(Object.fromEntries([...leaders].map(([term, id]) => [term, [id]]))).toEqual(outcome.leadersByTerm);
  for (const [index, { term }] of Object.entries(outcome.committedSeen)) {
    expect(committed[Number(index) - 1]?.entry.term).toBe(term);
  }
}

/** Servers that start at term 0 with a log that ends at `lastIndex`. */
function clusterOf(size: number, lastIndex: number): Cluster {
  const entries = logOf(Array<number>(lastIndex).fill(0), size);
  const ids = Array.from({ length: size }, (_, place) => place + 1);
  return new Cluster({ size, disks: new Map(ids.map((id) => [id, { entries }])) });
}
