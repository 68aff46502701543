/** Serves the page with its script and its seeds to one browser of this machine, and takes what it answers. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Outcome } from "./outcomes.js";

export interface PageServer {
  readonly url: string;
  /** Rejects if anything goes wrong in the page. */
  readonly outcomes: Promise<Outcome[]>;
  close(): Promise<void>;
}

/** Whatever nobody catches in the page, its own script included, is an answer, too. */
const PAGE = `<!doctype html>
<title>Quorate</title>
<script>
  const fail = (error) => fetch("/failure", { method: "POST", body: JSON.stringify(String(error?.stack ?? error)) });
  addEventListener("error", ({ error, message }) => fail(error ?? message));
  addEventListener("unhandledrejection", ({ reason }) => fail(reason));
</script>
<script type="module" src="/page.js"></script>
`;

export async function servePage(script: string, seeds: readonly number[]): Promise<PageServer> {
  let onOutcomes: (outcomes: Outcome[]) => void;
  let onFailure: (error: unknown) => void;
  const outcomes = new Promise<Outcome[]>((resolve, reject) => {
    onOutcomes = resolve;
    onFailure = reject;
  });
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    "/": ["text/html", PAGE],
    "/page.js": ["text/javascript", script],
    "/seeds": ["application/json", JSON.stringify(seeds)],
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? "";
    const [type, text] = files[path] ?? ["text/plain", ""];
    if (request.method === "POST") {
      const said = await json(request);
      if (path === "/outcomes") onOutcomes(said as Outcome[]);
      else onFailure(new Error(`In the page: ${said}`));
    }
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);
  };
  const server = createServer((request, response) => void answer(request, response).catch(onFailure));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    outcomes,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
