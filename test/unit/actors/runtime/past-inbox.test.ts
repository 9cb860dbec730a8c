import { type Bus, imageId } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enqueue, sessionId } from '../session/session-under-test.ts';
import { mute, Stage, TAKEN_OVER_MS } from './stage.ts';

/** Of a tenure, as an append may take so long. */
const LOOKED_AGAIN_MS = 50_000;

const past = suite('past the inbox: what is committed needs no other store');

past('a request, and all that actors of one host tell each other after it', async () => {
  const stage = new Stage();
  await stage.start('a');
  const joined = stage.joinNode();
  await stage.clock.advance(10);
  const created = stage.create();
  await stage.clock.advance(10);
  assert.ok(joined.outcome?.ok && created.outcome?.ok);
  assert.equal(stage.stored, []);
  assert.is((await stage.commits()).length, 2);
  assert.ok(stage.wishes.length > 0);
});

past('between two hosts nothing is put into an inbox either', async () => {
  const stage = new Stage();
  await stage.start('a');
  await stage.start('b');
  await stage.clock.advance(TAKEN_OVER_MS);
  stage.joinNode();
  await stage.clock.advance(10);
  stage.create();
  await stage.clock.advance(10);
  assert.equal(stage.stored, []);
  assert.ok(stage.wishes.length > 0);
});

past('what a dead host had committed and not said is said by its heir', async () => {
  const stage = new Stage();
  const first = await stage.start('a', { change: mute('scheduler') });
  const created = stage.create();
  await stage.clock.advance(10);
  assert.ok(created.outcome?.ok);
  await first.kill();
  await stage.start('b');
  await stage.clock.advance(TAKEN_OVER_MS);
  stage.joinNode();
  await stage.clock.advance(10);
  assert.is((await stage.commits()).length, 2);
  assert.ok(stage.wishes.length > 0);
});

past('the alarm of a commit whose host died before it was set is set by its heir', async () => {
  const stage = new Stage();
  const alarms: string[] = [];
  const first = await stage.start('a');
  stage.create();
  await stage.clock.advance(10);
  await first.kill();
  await stage.start('b', {
    change: (bus) => ({
      ...bus,
      alarms: {
        ...bus.alarms,
        set: async (envelope, atMs) => {
          alarms.push(envelope.aggregateId);
          await bus.alarms.set(envelope, atMs);
        },
      },
    }),
  });
  await stage.clock.advance(TAKEN_OVER_MS + 3_000);
  assert.equal(
    alarms.filter((id) => id === sessionId),
    [sessionId],
  );
});

past(
  'what a dead host still writes, when its heir is there already, is said by the heir',
  async () => {
    const stage = new Stage();
    const arrival = Promise.withResolvers<void>();
    const slowly = (bus: Bus): Bus => ({
      ...bus,
      log: {
        ...bus.log,
        append: async (commit, expected) => {
          if (commit.aggregate !== 'session') return bus.log.append(commit, expected);
          await arrival.promise;
          return stage.bus.log.append(commit, expected);
        },
      },
    });
    const first = await stage.start('a', { change: slowly });
    stage.joinNode();
    await stage.clock.advance(10);
    const asker = stage.broker.connect();
    const asked = asker.inbox.request(
      {
        id: 'create',
        aggregate: 'session',
        aggregateId: sessionId,
        actor: { kind: 'user', id: 'test' },
        sentAtMs: stage.clock.nowMs(),
        command: enqueue(),
      },
      new AbortController().signal,
    );
    asked.catch(() => undefined);
    await stage.clock.advance(10);
    // Nobody asks a second time: whoever did is gone too.
    await asker[Symbol.asyncDispose]();
    await first.kill();
    await stage.start('b');
    await stage.clock.advance(TAKEN_OVER_MS);
    arrival.resolve();
    await stage.clock.advance(100);
    assert.is((await stage.commits()).length, 1);
    assert.is(stage.wishes.length, 0);
    await stage.clock.advance(LOOKED_AGAIN_MS);
    assert.ok(stage.wishes.length > 0);
  },
);

past('what was said long ago is not said again by the next host', async () => {
  const stage = new Stage();
  const first = await stage.start('a');
  stage.joinNode();
  await stage.clock.advance(10);
  stage.create();
  await stage.clock.advance(10_000);
  const wishes = stage.wishes.length;
  await first.kill();
  let reads = 0;
  await stage.start('b', {
    change: (bus) => ({
      ...bus,
      log: {
        ...bus.log,
        read: (...place) => {
          reads += 1;
          return bus.log.read(...place);
        },
      },
    }),
  });
  await stage.clock.advance(TAKEN_OVER_MS);
  assert.is(stage.wishes.length, wishes);
  assert.is(reads, 0);
});

past('what the recipient does not commit in time is put into its inbox', async () => {
  const stage = new Stage();
  await stage.start('a', { change: mute('scheduler') });
  stage.create();
  await stage.clock.advance(500);
  assert.equal(stage.stored, []);
  await stage.clock.advance(1_000);
  assert.equal(stage.stored, ['queue']);
});

past('a command whose answer was lost is met again in the inbox and decided once', async () => {
  const stage = new Stage();
  let replies = 0;
  await stage.start('a', {
    change: (bus) => ({
      ...bus,
      inbox: {
        ...bus.inbox,
        reply: (replyTo, outcome) => {
          replies += 1;
          if (replies > 1) bus.inbox.reply(replyTo, outcome);
        },
      },
    }),
  });
  const created = stage.create();
  await stage.clock.advance(1_000);
  assert.is(created.outcome, undefined);
  await stage.clock.advance(2_000);
  assert.equal(stage.stored, ['enqueue']);
  assert.ok(created.outcome?.ok === true && created.outcome.hasChanged === true);
  assert.is((await stage.commits()).length, 1);
});

past('more than may be under way at once are put into the inbox', async () => {
  const stage = new Stage();
  await stage.start('a', { change: mute('image') });
  const [perMoment, moments] = [500, 20];
  for (let moment = 0; moment < moments; moment++) {
    for (let index = 0; index < perMoment; index++) {
      const reference = `hub/image:${moment}-${index}`;
      const command = { type: 'register', reference };
      stage.ask({ id: reference, aggregate: 'image', aggregateId: imageId(reference), command });
    }
    await stage.clock.advance(1);
  }
  // 4,096 in each of the two partitions.
  assert.is(stage.stored.length, perMoment * moments - 2 * 4_096);
});

past.run();
