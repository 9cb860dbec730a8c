import {
  type Bus,
  createLogger,
  createMemoryBroker,
  type Faults,
  openDuplex,
  SimulatedClock,
  StreamInput,
  StreamOutput,
  StreamRequest,
  serveDuplex,
} from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logsRequest, output } from '../../contract/bus/duplex.ts';

const SUBJECT = 'live.test.open';
const FRAMES = 150;

const lossy = suite('duplex: a channel that loses, doubles and reorders');

/** Streams `FRAMES` frames down over a channel with faults; gives what the opener read, or its failure. */
async function stream(faults: Faults, untilMs: number): Promise<readonly StreamOutput[] | string> {
  const clock = new SimulatedClock();
  const broker = createMemoryBroker({ clock, faults });
  const stop = new AbortController();
  const { signal } = stop;
  const logger = createLogger({ name: 'test', level: 'silent' });
  const server: Bus = broker.connect();
  const shapes = { first: StreamRequest, incoming: StreamInput };
  const work = serveDuplex<StreamRequest, StreamInput, StreamOutput>(
    server.live,
    SUBJECT,
    async (_, down) => {
      for (let count = 0; count < FRAMES; count++) await down.send(output(`${count}`));
    },
    { clock, logger, signal, ...shapes },
  );
  const { live } = broker.connect();
  let outcome: readonly StreamOutput[] | string = 'nothing';
  const reading = (async () => {
    const options = { clock, incoming: StreamOutput, signal };
    const frames: StreamOutput[] = [];
    try {
      await using up = await openDuplex<StreamOutput, StreamInput>(
        live,
        SUBJECT,
        logsRequest,
        options,
      );
      for await (const frame of up.incoming) frames.push(frame);
      outcome = frames;
    } catch (error) {
      outcome = String(error);
    }
  })();
  await clock.advance(untilMs);
  stop.abort();
  await clock.advance(60_000);
  await Promise.all([work, reading]);
  assert.is(clock.nextWakeMs, undefined, 'no timer is left behind');
  return outcome;
}

const expected = Array.from({ length: FRAMES }, (_, index) => output(`${index}`));

lossy('gives every frame once and in order when messages are lost and doubled', async () => {
  const delivery = fc.constantFrom([0], [0], [0], [0], [], [0, 0], [30], [0, 200]);
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(delivery), async (deliveries) => {
      let handshake = 2;
      const faults: Faults = {
        deliveries: () => (handshake-- > 0 ? [0] : (deliveries.next().value ?? [0])),
      };
      const read = await stream(faults, 3_600_000);
      // Fifteen seconds without a sign of life break a stream: then it says so, and gives no wrong frame.
      if (typeof read === 'string') assert.match(read, 'StreamBroken');
      else assert.equal(read, expected);
    }),
    { numRuns: 30 },
  );
});

lossy(
  'recovers from the loss of one message without waiting for the peer to be given up',
  async () => {
    for (let lost = 2; lost < 40; lost++) {
      let count = 0;
      const read = await stream({ deliveries: () => (count++ === lost ? [] : [0]) }, 12_000);
      assert.equal(read, expected, `message ${lost} lost`);
    }
  },
);

lossy('notices a dead peer after 15 seconds of silence', async () => {
  let isDead = false;
  let count = 0;
  const faults: Faults = {
    deliveries: () => {
      count += 1;
      isDead ||= count > 20;
      return isDead ? [] : [0];
    },
  };
  assert.match(String(await stream(faults, 14_000)), 'StreamBroken: its opener gave up');
  isDead = false;
  count = 0;
  assert.match(String(await stream(faults, 21_000)), 'silent for 15000 ms');
});

lossy.run();
