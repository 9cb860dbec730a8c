import { type Bus, type CommandEnvelope, type Outcome, SCHEDULER_ID } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeAggregate } from '../../../../actors/node/aggregate.ts';
import { Stage, TAKEN_OVER_MS } from './stage.ts';

const ORDERINGS = ['lifo', 'drf', 'fifo', 'lifo', 'drf'] as const;

class Rules {
  readonly stage = new Stage();

  set(id: string, ordering: string, again: Pick<CommandEnvelope, 'againAfter'> = {}) {
    return this.tell(id, { type: 'set-group', group: 'default', policy: { ordering } }, again);
  }

  async tell(
    id: string,
    command: { readonly type: string; readonly [field: string]: unknown },
    again: Pick<CommandEnvelope, 'againAfter'> = {},
  ): Promise<Outcome | undefined> {
    const place = { aggregate: 'scheduler', aggregateId: SCHEDULER_ID } as const;
    const answer = this.stage.ask({ id, ...place, command, ...again });
    await this.stage.clock.advance(10);
    return answer.outcome;
  }

  /** One after the other, each a commit. */
  async setAll(): Promise<void> {
    for (const [index, ordering] of ORDERINGS.entries()) await this.set(`set-${index}`, ordering);
  }

  async idsOfCommands(): Promise<readonly string[]> {
    const commits = await this.stage.commits('scheduler', SCHEDULER_ID);
    return commits.flatMap(({ commandId, commands }) => commands?.map(({ id }) => id) ?? commandId);
  }
}

const ALL = ORDERINGS.map((_, index) => `set-${index}`);

const again = suite('a command that comes again');

again('is not decided a second time, however much was committed since', async () => {
  const rules = new Rules();
  await rules.stage.start('a');
  await rules.setAll();
  const outcome = await rules.set('set-0', 'lifo', { againAfter: 0 });
  assert.ok(outcome?.ok);
  assert.equal(await rules.idsOfCommands(), ALL);
});

again('is found in the log by a host that did not take it', async () => {
  const rules = new Rules();
  const first = await rules.stage.start('a');
  await rules.setAll();
  await first.kill();
  await rules.stage.start('b');
  await rules.stage.clock.advance(TAKEN_OVER_MS);
  const outcome = await rules.set('set-0', 'lifo', { againAfter: 0 });
  assert.ok(outcome?.ok);
  assert.equal(await rules.idsOfCommands(), ALL);
});

again('is looked for behind the place that it names, and not before it', async () => {
  const rules = new Rules();
  const first = await rules.stage.start('a');
  await rules.setAll();
  await first.kill();
  const places: number[] = [];
  const watched = (bus: Bus): Bus => ({
    ...bus,
    log: {
      ...bus.log,
      readMessages: (range) => {
        places.push(range.afterSequence ?? 0);
        return bus.log.readMessages(range);
      },
    },
  });
  await rules.stage.start('b', { change: watched });
  await rules.stage.clock.advance(TAKEN_OVER_MS);
  places.length = 0;
  await rules.set('never-seen', 'fifo', { againAfter: 4 });
  await rules.set('never-seen-either', 'lifo', { againAfter: 4 });
  assert.equal(places, [4]);
});

again('stays refused, while the same command given anew is decided anew', async () => {
  const rules = new Rules();
  await rules.stage.start('a');
  const capacity = {
    node: 'node-a',
    resourceGroup: 'lab',
    architecture: 'x86_64',
    slots: { cpu: '1000', mem: '8589934592' },
    isSchedulable: true,
  };
  const policy = { ordering: 'lifo' };
  await rules.tell('set', { type: 'set-group', group: 'lab', policy });
  await rules.tell('join', { type: 'update-node', capacity });
  const command = { type: 'remove-group', group: 'lab' };
  const refused = await rules.tell('remove', command);
  assert.is(refused?.ok, false);
  const closed = { ...capacity, isSchedulable: false };
  await rules.tell('close', { type: 'update-node', capacity: closed });
  assert.equal(await rules.tell('remove', command, { againAfter: 0 }), refused);
  assert.is((await rules.tell('remove', command))?.ok, true);
});

again('when it is an alarm, has what followed from it said once more', async () => {
  const { stage } = new Rules();
  const first = await stage.start('a');
  const place = { aggregate: 'node', aggregateId: 'node-a' } as const;
  const facts = { driver: 'simulated', architecture: 'x86_64', resourceGroup: 'default' };
  const registration = { ...facts, slots: { cpu: '4' }, version: '1' };
  stage.ask({ id: 'join', ...place, command: { type: 'register', facts: registration } });
  await stage.clock.advance(10);
  const drain = { type: 'drain', deadlineMs: 5_000, mode: 'reschedule' };
  stage.ask({ id: 'drain', ...place, command: drain });
  await stage.clock.advance(20_000);
  const rung = (await stage.commits('node', 'node-a')).at(-1);
  assert.is(rung?.commandType, 'pass-deadline');
  await first.kill();
  // What it says to the scheduler is put into the inbox then.
  await stage.start('b', { aggregates: [nodeAggregate] });
  await stage.clock.advance(TAKEN_OVER_MS);
  assert.not(stage.stored.includes('evict'));
  await stage.bus.inbox.send({
    id: rung?.commandId ?? '',
    ...place,
    actor: { kind: 'system', id: 'control' },
    sentAtMs: stage.clock.nowMs(),
    command: { type: 'pass-deadline', deadline: 'alarm' },
  });
  await stage.clock.advance(2_000);
  assert.ok(stage.stored.includes('evict'));
});

again.run();
