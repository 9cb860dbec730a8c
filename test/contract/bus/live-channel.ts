import { BusUnavailable } from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, freshId, until, within } from './harness.ts';

export function liveChannelContract(name: string, start: () => Promise<BusHarness>): void {
  const live = busSuite(`${name}: live channel`, start);

  live('brings a message to everyone whose subject matches', async ({ bus, harness }) => {
    const other = await harness.connect();
    const id = freshId();
    const stop = new AbortController();
    const seen: string[] = [];
    const listen = async (subject: string): Promise<void> => {
      for await (const message of other.live.subscribe(subject, stop.signal))
        seen.push(`${subject} ${message.subject} ${JSON.stringify(message.body)}`);
    };
    const listening = [listen(`live.${id}.*`), listen(`live.${id}.a`), listen(`live.${id}.>`)];
    await other.flush();
    bus.live.publish(`live.${id}.a`, { text: 'ü' });
    bus.live.publish(`live.${id}.b.c`, null);
    bus.live.publish(`live.${freshId()}.a`, 'elsewhere');
    await until(() => seen.length >= 4);
    assert.equal(seen.sort(), [
      `live.${id}.* live.${id}.a {"text":"ü"}`,
      `live.${id}.> live.${id}.a {"text":"ü"}`,
      `live.${id}.> live.${id}.b.c null`,
      `live.${id}.a live.${id}.a {"text":"ü"}`,
    ]);
    stop.abort();
    await within(Promise.all(listening));
    await other[Symbol.asyncDispose]();
  });

  live('answers a request', async ({ bus, harness }) => {
    const other = await harness.connect();
    const subject = `live.${freshId()}`;
    const stop = new AbortController();
    const messages = other.live.subscribe(subject, stop.signal);
    await other.flush();
    const serving = (async () => {
      for await (const { body, replyTo } of messages)
        if (replyTo !== undefined) other.live.publish(replyTo, { asked: body });
    })();
    assert.equal(await within(bus.live.request(subject, 7, 5_000)), { asked: 7 });
    stop.abort();
    await within(serving);
    await other[Symbol.asyncDispose]();
  });

  live('fails a request that nobody answers', async ({ bus }) => {
    const asked = bus.live.request(`live.${freshId()}`, 7, 50).catch((error: unknown) => error);
    assert.instance(await within(asked), BusUnavailable);
  });

  live.run();
}
