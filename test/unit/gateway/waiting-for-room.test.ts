import { Overloaded, SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AggregateCommand, CommandOutcome } from '../../../gateway/commands/commands.ts';
import { ROOM_WAIT_MS_MAX, waitingForRoom } from '../../../gateway/commands/waiting-for-room.ts';

const RETRY_MS = 1_000;
const COMMAND: AggregateCommand = {
  aggregate: 'session',
  aggregateId: 's',
  actor: { kind: 'user', id: 'u' },
  traceparent: undefined,
  command: { type: 'terminate' },
};
const DONE: CommandOutcome = {
  outcome: { ok: true, revision: 1, sequence: 1, hasChanged: true },
  commandIds: ['c'],
};

/** An inbox that is full until then. */
function parts(fullUntilMs: number) {
  const clock = new SimulatedClock();
  const beganAtMs = clock.nowMs();
  let asked = 0;
  const commands = {
    request: (): Promise<CommandOutcome> => {
      asked += 1;
      if (clock.nowMs() - beganAtMs >= fullUntilMs) return Promise.resolve(DONE);
      return Promise.reject(new Overloaded('many wait', { retryAfterMs: RETRY_MS }));
    },
  };
  const stop = new AbortController();
  const waiting = waitingForRoom(commands, clock, stop.signal);
  return { clock, stop, waiting, asked: () => asked };
}

const room = suite('gateway: commands that wait for room');

room('one that finds no room is sent again when it may be, and answered', async () => {
  const { clock, waiting, asked } = parts(2 * RETRY_MS);
  const answer = waiting.request(COMMAND);
  await clock.advance(RETRY_MS);
  await clock.advance(RETRY_MS);
  assert.equal(await answer, DONE);
  assert.is(asked(), 3);
});

room('all of one call give up together when there is no room for long', async () => {
  const { clock, waiting } = parts(10 * ROOM_WAIT_MS_MAX);
  const first = waiting.request(COMMAND).catch((error: unknown) => error);
  for (let ms = 0; ms < ROOM_WAIT_MS_MAX; ms += RETRY_MS) await clock.advance(RETRY_MS);
  assert.ok((await first) instanceof Overloaded);
  const later = await waiting.request(COMMAND).catch((error: unknown) => error);
  assert.ok(later instanceof Overloaded, 'at once');
});

room('nobody waits for an answer that is not wanted any more', async () => {
  const { waiting, stop } = parts(ROOM_WAIT_MS_MAX);
  const answer = waiting.request(COMMAND).catch((error: unknown) => error);
  await Promise.resolve();
  stop.abort(new Error('the caller is gone'));
  assert.match(String(await answer), /the caller is gone/);
});

room.run();
