/** A program for the test of what is left behind: two servers meet, and one looks for a third that is not there. */

import { TcpTransport } from "../src/index.js";

const a = new TcpTransport({ listen: "127.0.0.1:0" });
const b = new TcpTransport({ listen: "127.0.0.1:0" });
await a.open({ clusterId: "one", nodeId: 1 });
await b.open({ clusterId: "one", nodeId: 2 });
const met = new Promise<void>((resolve) => b.register(1, () => resolve()));
a.setPeers(
  new Map([
    [2, b.address],
    [3, "127.0.0.1:1"],
  ]),
);
a.send(1, { kind: "commit", from: 1, to: 2, term: 1, leaderCommit: 1 });
await met;
await Promise.all([a.close(), b.close()]);
process.stdout.write("closed\n");
