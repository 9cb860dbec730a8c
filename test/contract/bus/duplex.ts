import {
  type Bus,
  BusUnavailable,
  createLogger,
  type Duplex,
  openDuplex,
  PeerFailed,
  StreamInput,
  StreamOutput,
  StreamRequest,
  serveDuplex,
  systemClock,
} from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, collect, freshId, until, within } from './harness.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const kernel = '0190b0c8-0000-7000-8000-000000000001';
export const logsRequest = { kind: 'logs', kernel, isFollowed: true, offsetBytes: 0 } as const;

type Handler = (first: StreamRequest, stream: Duplex<StreamInput, StreamOutput>) => Promise<void>;

/** Serves a fresh subject until disposed of. */
export async function serving(
  bus: Bus,
  handler: Handler,
): Promise<{ readonly subject: string } & AsyncDisposable> {
  const subject = `live.test.${freshId()}`;
  const stop = new AbortController();
  const options = { clock: systemClock, logger, first: StreamRequest, incoming: StreamInput };
  const work = serveDuplex(bus.live, subject, handler, { ...options, signal: stop.signal });
  await bus.flush();
  return {
    subject,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await within(work);
    },
  };
}

export function open(
  bus: Bus,
  subject: string,
  signal = new AbortController().signal,
): Promise<Duplex<StreamOutput, StreamInput>> {
  const options = { clock: systemClock, incoming: StreamOutput, signal };
  return openDuplex(bus.live, subject, logsRequest, options);
}

export function output(text: string): StreamOutput {
  return { kind: 'output', source: 'stdout', data: text, offsetBytes: 0 };
}

export function duplexContract(name: string, start: () => Promise<BusHarness>): void {
  const duplex = busSuite(`${name}: duplex`, start);

  duplex('carries frames both ways in order, and ends on both sides', async ({ bus, harness }) => {
    const other = await harness.connect();
    const heard: StreamInput[] = [];
    await using server = await serving(other, async (first, stream) => {
      assert.equal(first, logsRequest);
      for await (const frame of stream.incoming) heard.push(frame);
      for (let count = 0; count < 500; count++) await stream.send(output(`${count}`));
    });
    await using stream = await open(bus, server.subject);
    for (let count = 0; count < 200; count++)
      await stream.send({ kind: 'input', data: `${count}` });
    stream.end();
    const frames = await within(collect(stream.incoming));
    assert.equal(
      frames,
      Array.from({ length: 500 }, (_, index) => output(`${index}`)),
    );
    assert.is(heard.length, 200);
    await other[Symbol.asyncDispose]();
  });

  duplex('holds the sender back while the reader does not take', async ({ bus }) => {
    let sent = 0;
    await using server = await serving(bus, async (_, stream) => {
      for (; sent < 1_000; sent++) await stream.send(output('x'.repeat(1_000)));
    });
    await using stream = await open(bus, server.subject);
    await until(() => sent === 64);
    const frames: StreamOutput[] = [];
    for await (const frame of stream.incoming) frames.push(frame);
    assert.is(frames.length, 1_000);
  });

  duplex('holds the sender back by bytes as well as by frames', async ({ bus }) => {
    let sent = 0;
    await using server = await serving(bus, async (_, stream) => {
      for (; sent < 20; sent++) await stream.send(output('x'.repeat(400_000)));
    });
    await using stream = await open(bus, server.subject);
    await until(() => sent === 2);
    assert.is((await within(collect(stream.incoming))).length, 20);
  });

  duplex('tells the opener why the server failed, after what came before', async ({ bus }) => {
    await using server = await serving(bus, async (_, stream) => {
      await stream.send(output('last words'));
      throw new BusUnavailable('go on');
    });
    await using stream = await open(bus, server.subject);
    const heard: StreamOutput[] = [];
    const reading = (async () => {
      for await (const frame of stream.incoming) heard.push(frame);
    })();
    const failure = await within(reading.catch((error: unknown) => error));
    assert.instance(failure, PeerFailed);
    assert.is(failure instanceof PeerFailed && failure.peerCode, 'bus.unavailable');
    assert.equal(heard, [output('last words')]);
  });

  duplex('lets the server know when the opener has left', async ({ bus }) => {
    const left = Promise.withResolvers<void>();
    await using server = await serving(bus, async (_, stream) => {
      stream.closed.addEventListener('abort', () => left.resolve());
      await within(left.promise);
    });
    const give = new AbortController();
    const stream = await open(bus, server.subject, give.signal);
    give.abort();
    await within(left.promise);
    assert.ok(stream.closed.aborted);
    assert.match(
      String(await stream.send({ kind: 'input', data: '' }).catch((error: unknown) => error)),
      'StreamBroken',
    );
  });

  duplex(
    'refuses a first message of the wrong shape, and a subject nobody serves',
    async ({ bus }) => {
      await using server = await serving(bus, async () => undefined);
      const options = {
        clock: systemClock,
        incoming: StreamOutput,
        signal: new AbortController().signal,
      };
      const wrong = openDuplex(bus.live, server.subject, { kind: 'teapot' }, options);
      assert.match(String(await within(wrong.catch((error: unknown) => error))), 'PeerFailed');
      const nobody = openDuplex(bus.live, `live.${freshId()}`, logsRequest, options);
      assert.match(String(await within(nobody.catch((error: unknown) => error))), 'BusUnavailable');
    },
  );

  duplex('breaks when a frame is not what its schema says, or too large', async ({ bus }) => {
    const failed = Promise.withResolvers<unknown>();
    await using server = await serving(bus, async (_, stream) => {
      await collect(stream.incoming).catch(failed.resolve);
    });
    await using stream = await open(bus, server.subject);
    const data = 'x'.repeat(600_000);
    assert.match(
      String(await stream.send({ kind: 'input', data }).catch((error: unknown) => error)),
      'MessageTooLarge',
    );
    await stream.send({ kind: 'resize', columns: 0, rows: 10 });
    assert.match(String(await within(failed.promise)), 'MalformedMessage');
    assert.match(
      String(await within(collect(stream.incoming).catch((error: unknown) => error))),
      'StreamBroken',
    );
  });

  duplex.run();
}
