/** Reads server-sent events message by message. */

import { createParser, type EventSourceMessage } from "eventsource-parser";

export interface Change {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly valueBase64?: string;
}

export class EventStream {
  readonly response: Response;
  readonly #abort: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #text = new TextDecoder();
  readonly #messages: (EventSourceMessage | { readonly comment: string })[] = [];
  readonly #parser = createParser({
    onEvent: (message) => this.#messages.push(message),
    onComment: (comment) => this.#messages.push({ comment }),
  });

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reader = response.body!.getReader();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const abort = new AbortController();
    const response = await fetch(url, { headers, signal: abort.signal });
    return new EventStream(response, abort);
  }

  /** The next event or comment; `null` at the end. */
  async next(): Promise<EventSourceMessage | { readonly comment: string } | null> {
    while (this.#messages.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#parser.feed(this.#text.decode(value, { stream: true }));
    }
    return this.#messages.shift() ?? null;
  }

  /** The next event, comments skipped: its id and what it carries. */
  async nextEvent(): Promise<{ readonly id: string; readonly revision: number; readonly events: readonly Change[] }> {
    for (;;) {
      const message = await this.next();
      if (message === null) throw new Error("The stream ended.");
      if ("data" in message) return { id: message.id, ...JSON.parse(message.data) };
    }
  }

  close(): void {
    this.#abort.abort();
  }
}
