/** A server of `pnpm bench memory`, in a process of its own. Talks to its parent by messages. */

import { openNode } from "quorate";

export interface ServerTask {
  readonly id: string;
  readonly members: Readonly<Record<string, string>>;
  readonly directory: string;
}

/** From the parent: propose `entries` commands of `sizeBytes`, `inFlight` at a time. */
export interface Order {
  readonly entries: number;
  readonly sizeBytes: number;
  readonly inFlight: number;
}

export type Notice =
  | { readonly kind: "role"; readonly role: string }
  | { readonly kind: "applied"; readonly entries: number; readonly rssBytes: number }
  | { readonly kind: "done" };

const NOTICE_EVERY = 20_000;

const { id, members, directory } = JSON.parse(process.argv[2] ?? "{}") as ServerTask;

function tell(notice: Notice): void {
  process.send?.(notice);
}

let applied = 0;
const node = await openNode<Uint8Array, number>({
  id,
  members,
  directory,
  stateMachine: {
    apply: () => {
      applied += 1;
      if (applied % NOTICE_EVERY === 0) {
        tell({ kind: "applied", entries: applied, rssBytes: process.memoryUsage.rss() });
      }
      return applied;
    },
  },
});
node.subscribe("role", ({ role }) => tell({ kind: "role", role }));

process.on("message", (order: Order | "close") => {
  if (order === "close") void node.close().then(() => process.disconnect());
  else void propose(order).then(() => tell({ kind: "done" }));
});

async function propose({ entries, sizeBytes, inFlight }: Order): Promise<void> {
  const payload = new Uint8Array(sizeBytes);
  let left = entries;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await node.propose(payload);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}
