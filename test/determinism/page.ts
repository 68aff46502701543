/** What the browser runs: it asks for seeds, runs them, and sends back what they led to. */

import "./npm-buffer.js";
import { exploreInOrder } from "./outcomes.js";

/** As browsers have it; Node's types know another. */
interface Channel {
  readonly port1: { onmessage: () => void };
  readonly port2: { postMessage(message: null): void };
}

const channel = new MessageChannel() as unknown as Channel;
let goOn = (): void => undefined;
channel.port1.onmessage = () => goOn();

/** The counterpart of Node's `setImmediate`: nested timers are slowed down by browsers, messages are not. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    goOn = resolve;
    channel.port2.postMessage(null);
  });
}

const seeds = (await (await fetch("/seeds")).json()) as number[];
const outcomes = await exploreInOrder(seeds, settle);
await fetch("/outcomes", { method: "POST", body: JSON.stringify(outcomes) });
