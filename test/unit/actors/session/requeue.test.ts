import { known, type SessionCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import {
  enqueue,
  place,
  prepared,
  report,
  running,
  sessionAfter,
  sessionId,
} from './session-under-test.ts';

const requeue: SessionCommand = { type: 'requeue', attempt: 1, reason: 'preempted', message: 'm' };
const started = [enqueue(), place(), report(prepared), report(running)];

type Told = Readonly<Record<string, unknown>>;

/** What the scheduler is told by the effects of a session's last events. */
function toldBy({ state, effects }: ReturnType<typeof sessionAfter>): readonly Told[] {
  return effects
    .flatMap((effect) => sessionAggregate.messages(effect, state, { id: sessionId, revision: 9 }))
    .flatMap((message) => (message.to === 'actor' ? [message.command as unknown as Told] : []));
}

const again = suite('session: waiting again');

again('a session that runs goes back to the queue, and its containers end', () => {
  const session = sessionAfter(...started, requeue);
  assert.is(session.state.value, 'pending');
  assert.is(session.state.context.attempt, 2);
  const { type, reason } = session.events.at(-1) as { type: string; reason: string };
  assert.equal([type, reason], ['session-requeued', 'preempted']);
  assert.ok(session.effects.some((effect) => effect.type === 'tellAgentsToBeGone'));
  const told = toldBy(session);
  assert.ok(told.some((command) => command['type'] === 'release' && command['attempt'] === 1));
  const queued = known(told.findLast((command) => command['type'] === 'queue'))['queued'] as Told;
  assert.is(queued['attempt'], 2);
  assert.is(queued['queuedAtMs'], 0);
  assert.is(queued['failedOn'], undefined);
});

again('a requeue of an attempt that is past changes nothing', () => {
  const { events } = sessionAfter(...started, { ...requeue, attempt: 2 } as SessionCommand);
  assert.is(events.at(-1)?.type, 'session-running');
});

const lookAfter = (change: 'lost' | 'returned', node = 'node-a', attempt = 1): SessionCommand => ({
  ...{ type: 'look-after-node', attempt, node, change },
});

again('a session that has not started on a node that is lost waits for another', () => {
  const lost = sessionAfter(enqueue(), place(), lookAfter('lost'));
  assert.equal([lost.state.value, lost.state.context.attempt], ['pending', 2]);
  assert.equal(lost.state.context.failedOn, [{ node: 'node-a', untilMs: 3_600_000 }]);
});

again('one that runs there, is elsewhere or in another attempt stays as it is', () => {
  const cases = [
    [...started, lookAfter('lost')],
    [enqueue(), place(), lookAfter('lost', 'node-b')],
    [enqueue(), place(), lookAfter('lost', 'node-a', 2)],
    [enqueue(), lookAfter('lost')],
  ];
  for (const commands of cases)
    assert.equal(sessionAfter(...commands).types, sessionAfter(...commands.slice(0, -1)).types);
});

again('one that runs on a node that is back asks how it is, and is not told to end', () => {
  const { state, effects, types } = sessionAfter(...started, lookAfter('returned'));
  assert.is(types.at(-1), 'session-running');
  const wishes = effects
    .slice(-1)
    .flatMap((effect) => sessionAggregate.messages(effect, state, { id: sessionId, revision: 9 }))
    .flatMap((message) => (message.to === 'agent' ? [[message.node, message.wish.shall]] : []));
  assert.equal(wishes, [['node-a', 'report']]);
});

again('the node where a start failed is remembered for an hour', () => {
  const failed = report({
    state: 'failed',
    step: 'create',
    code: 'disk-full',
    message: 'no space',
  });
  const session = sessionAfter(enqueue(), place(), failed);
  assert.equal(
    session.state.context.failedOn?.map(({ untilMs }) => untilMs),
    [3_600_000],
  );
  const queued = toldBy(session).findLast((command) => command['type'] === 'queue');
  assert.is(((known(queued)['queued'] as Told)['failedOn'] as readonly unknown[]).length, 1);
});

again('a changed priority is told to the scheduler, and asked for with the next attempt', () => {
  const session = sessionAfter(enqueue(), { type: 'set-priority', priority: 77 });
  assert.equal(toldBy(session).at(-1), {
    type: 'set-priority',
    session: sessionId,
    priority: 77,
  });
  const queued = toldBy(sessionAfter(enqueue(), { type: 'set-priority', priority: 77 })).at(0);
  assert.is((known(queued)['queued'] as Told)['priority'], 77);
});

again('who depends on a session learns how it ended', () => {
  const failure = sessionAfter(enqueue(), {
    type: 'terminate',
    mode: 'force',
    reason: 'pending-timeout',
  });
  assert.is(failure.state.value, 'cancelled');
  assert.is(toldBy(failure).at(-1)?.['result'], 'failure');
});

again.run();
