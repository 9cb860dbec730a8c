import {
  type Bus,
  BusUnavailable,
  type CommandEnvelope,
  createLogger,
  createMemoryBroker,
  imageId,
  type Outcome,
  type RecordedCommit,
  SCHEDULER_ID,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { imageAggregate } from '../../../../actors/image/aggregate.ts';
import { startHost } from '../../../../actors/runtime/host.ts';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { enqueue, sessionId } from '../session/session-under-test.ts';

const LEASE_MS = 2_000;
/** A host has what a dead one of another name had. */
const TAKEN_OVER_MS = LEASE_MS * 2;
const logger = createLogger({ name: 'test', level: 'silent' });
const aggregates = [sessionAggregate, schedulerAggregate, imageAggregate];

class Stage {
  readonly clock = new SimulatedClock(1_700_000_000_000);
  /** Types of the commands that were put into inboxes. */
  readonly stored: string[] = [];
  readonly wishes: string[] = [];
  readonly broker = createMemoryBroker({
    clock: this.clock,
    partitions: 2,
    observe: (stream, { subject, body }) => {
      if (stream === 'wishes') this.wishes.push(subject);
      if (stream !== 'commands') return;
      const { command } = JSON.parse(Buffer.from(body).toString()) as CommandEnvelope;
      this.stored.push((command as { readonly type: string }).type);
    },
  });
  readonly bus = this.broker.connect();

  async start(
    name: string,
    change: (bus: Bus) => Bus = (bus) => bus,
  ): Promise<{ kill(): Promise<void> }> {
    const connection = this.broker.connect();
    const stop = new AbortController();
    const parts = { bus: change(connection), clock: this.clock, logger, aggregates, name };
    startHost({ ...parts, leaseMs: LEASE_MS }, stop.signal).done.catch(() => undefined);
    await this.clock.advance(100);
    return {
      kill: async () => {
        await connection[Symbol.asyncDispose]();
        stop.abort();
      },
    };
  }

  ask(about: Pick<CommandEnvelope, 'id' | 'aggregate' | 'aggregateId' | 'command'>): {
    outcome: Outcome | undefined;
  } {
    const answer: { outcome: Outcome | undefined } = { outcome: undefined };
    const actor = { kind: 'user', id: 'test' } as const;
    const envelope: CommandEnvelope = { ...about, actor, sentAtMs: this.clock.nowMs() };
    this.bus.inbox.request(envelope, new AbortController().signal).then(
      (outcome) => {
        answer.outcome = outcome;
      },
      () => undefined,
    );
    return answer;
  }

  create(): { readonly outcome: Outcome | undefined } {
    const place = { aggregate: 'session', aggregateId: sessionId } as const;
    return this.ask({ id: 'create', ...place, command: enqueue() });
  }

  joinNode(): { readonly outcome: Outcome | undefined } {
    const capacity = {
      node: 'node-a',
      resourceGroup: 'default',
      architecture: 'x86_64',
      slots: { cpu: '1000', mem: '8589934592' },
      isSchedulable: true,
    };
    const place = { aggregate: 'scheduler', aggregateId: SCHEDULER_ID } as const;
    return this.ask({ id: 'join', ...place, command: { type: 'update-node', capacity } });
  }

  async commits(): Promise<readonly RecordedCommit[]> {
    const commits: RecordedCommit[] = [];
    for await (const commit of this.bus.log.read('session', sessionId)) commits.push(commit);
    return commits;
  }
}

/** Commits of the aggregate are never acknowledged, and never made. */
const mute =
  (aggregate: string) =>
  (bus: Bus): Bus => ({
    ...bus,
    log: {
      ...bus.log,
      append: (commit, expected) =>
        commit.aggregate === aggregate
          ? Promise.reject(new BusUnavailable('append'))
          : bus.log.append(commit, expected),
    },
  });

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
  const first = await stage.start('a', mute('scheduler'));
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
  await stage.start('b', (bus) => ({
    ...bus,
    alarms: {
      ...bus.alarms,
      set: async (envelope, atMs) => {
        alarms.push(envelope.aggregateId);
        await bus.alarms.set(envelope, atMs);
      },
    },
  }));
  await stage.clock.advance(TAKEN_OVER_MS + 3_000);
  assert.equal(
    alarms.filter((id) => id === sessionId),
    [sessionId],
  );
});

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
  await stage.start('b', (bus) => ({
    ...bus,
    log: {
      ...bus.log,
      read: (...place) => {
        reads += 1;
        return bus.log.read(...place);
      },
    },
  }));
  await stage.clock.advance(TAKEN_OVER_MS);
  assert.is(stage.wishes.length, wishes);
  assert.is(reads, 0);
});

past('what the recipient does not commit in time is put into its inbox', async () => {
  const stage = new Stage();
  await stage.start('a', mute('scheduler'));
  stage.create();
  await stage.clock.advance(500);
  assert.equal(stage.stored, []);
  await stage.clock.advance(1_000);
  assert.equal(stage.stored, ['queue']);
});

past('a command whose answer was lost is met again in the inbox and decided once', async () => {
  const stage = new Stage();
  let replies = 0;
  await stage.start('a', (bus) => ({
    ...bus,
    inbox: {
      ...bus.inbox,
      reply: (replyTo, outcome) => {
        replies += 1;
        if (replies > 1) bus.inbox.reply(replyTo, outcome);
      },
    },
  }));
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
  await stage.start('a', mute('image'));
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
