/** A proxy before a server, which can lose what the server answered: whoever asked does not know what became of it. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { request } from "undici";

/** What the server has answered already, to a write of keys or to anything else. False loses it, and the connection. */
export type Fate = (request: { readonly isWrite: boolean }) => boolean | Promise<boolean>;

export interface FaultyProxy {
  readonly url: string;
  /** How many requests came. */
  readonly requests: number;
  close(): Promise<void>;
}

/** Passes requests on to `target`. If there is nobody, the connection breaks. */
export async function startProxy(target: string, isDelivered: Fate): Promise<FaultyProxy> {
  let requests = 0;
  const http = createServer((incoming, response) => {
    requests += 1;
    const pass = async (): Promise<void> => {
      const body = await buffer(incoming);
      const {
        host: _,
        connection: __,
        "content-length": ___,
        "transfer-encoding": ____,
        ...headers
      } = incoming.headers;
      const method = incoming.method as "GET" | "PUT" | "POST" | "DELETE";
      const answer = await request(target + incoming.url, { method, headers, body: body.length === 0 ? null : body });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const isWrite = method !== "GET" && !incoming.url?.startsWith("/v1/sessions");
      if (!(await isDelivered({ isWrite }))) throw new Error("lost, as it was to be");
      const { connection: _____, "transfer-encoding": ______, ...answered } = answer.headers;
      response.writeHead(answer.statusCode, answered).end(bytes);
    };
    pass().catch(() => incoming.socket.destroy());
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    close: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}
