/** One connection of the binary protocol: how its ends find out that the other one is gone, or stuck. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Channel, type ChannelHandler } from "../src/protocol/channel.js";
import { PING } from "../src/protocol/protocol.js";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Both ends of a connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const near = connect(typeof address === "object" ? (address?.port ?? 0) : 0, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  far.on("error", () => undefined);
  closers.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

function channelOn(socket: Socket, handler: Partial<ChannelHandler> = {}) {
  let onEnd: (reason: string | null) => void = () => undefined;
  const ended = new Promise<string | null>((resolve) => {
    onEnd = resolve;
  });
  const channel = new Channel(socket, 1000, {
    onFrame: () => true,
    onProtocolError: () => undefined,
    onEnd,
    ...handler,
  });
  return { channel, ended };
}

describe("a channel", () => {
  it("ends when nothing is heard for some beats, and says why", async () => {
    const [near] = await pair();
    const { channel, ended } = channelOn(near);
    for (let beat = 1; beat <= 4; beat += 1) {
      expect(channel.isOpen).toBe(true);
      channel.beat();
    }
    expect(await ended).toBe("Nothing was heard for too long.");
  });

  it("lives on while the other end says that it is there, and says so itself", async () => {
    const [near, far] = await pair();
    const [one, two] = [channelOn(near), channelOn(far)];
    const heard = async (): Promise<void> => {
      await Promise.all([once(near, "data"), once(far, "data")]);
    };
    // What was written since the last beat says it as well: the first one counts as such.
    one.channel.beat();
    two.channel.beat();
    for (let beat = 1; beat <= 20; beat += 1) {
      const isHeard = heard();
      one.channel.beat();
      two.channel.beat();
      await isHeard;
      one.channel.beat();
      two.channel.beat();
    }
    expect([one.channel.isOpen, two.channel.isOpen]).toEqual([true, true]);
  });

  it("ends when nothing is taken for some beats, though the other end goes on to speak", async () => {
    const [near, far] = await pair();
    const { channel, ended } = channelOn(near);
    far.pause();
    for (let piece = 0; piece < 64; piece += 1) {
      channel.writer.begin(1, 1, 1024 * 1024);
      channel.writer.bytes(new Uint8Array(1024 * 1024));
    }
    channel.plan();
    await new Promise(setImmediate);
    const ping = Buffer.from([0, 0, 0, 5, PING, 0, 0, 0, 0]);
    while (channel.isOpen) {
      far.write(ping);
      await once(near, "data");
      channel.beat();
    }
    expect(await ended).toBe("Nothing was taken for too long.");
  });

  it("tells of what makes no sense once, and reads no more", async () => {
    const [near, far] = await pair();
    const errors: string[] = [];
    const { channel, ended } = channelOn(near, { onProtocolError: ({ message }) => void errors.push(message) });
    far.write(Buffer.alloc(9, 0xff));
    await once(near, "data");
    far.write(Buffer.alloc(9, 0xff));
    await once(near, "data");
    expect(errors).toHaveLength(1);
    channel.destroy("enough");
    expect(await ended).toBe("enough");
  });

  it("writes all that one turn has to say at once", async () => {
    const [near, far] = await pair();
    const { channel } = channelOn(near);
    for (let id = 1; id <= 100; id += 1) {
      channel.writer.begin(1, id, 0);
      channel.plan();
    }
    const [chunk] = (await once(far, "data")) as [Buffer];
    expect(chunk).toHaveLength(900);
  });
});
