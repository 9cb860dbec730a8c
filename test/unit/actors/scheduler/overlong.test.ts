import type { SchedulerCommand, SessionCommand } from '@orrery/bus';
import { derivedId } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import {
  enqueue,
  exited,
  place,
  prepared,
  report,
  running,
  sessionAfter,
  sessionId,
} from '../session/session-under-test.ts';
import { node, queue, release, SchedulerUnderTest, wake } from './scheduler-under-test.ts';

const MINUTE_MS = 60_000;

const asking = suite('scheduler: whoever holds slots is asked whether it is over');

const asked = (attempt: number) => ({ type: 'tell-outcome', attempt });

/** Lets it ring until then. Minutes at which each was asked. */
function askedUntil(scheduler: SchedulerUnderTest, minutes: number): Record<string, number[]> {
  const at: Record<string, number[]> = {};
  for (;;) {
    const dueAtMs = schedulerAggregate.deadline(scheduler.state)?.deadlineAtMs ?? Infinity;
    if (dueAtMs > minutes * MINUTE_MS) return at;
    scheduler.nowMs = dueAtMs;
    for (const [name, command] of scheduler.tell(wake)) {
      assert.equal(command, asked(1));
      at[name] = [...(at[name] ?? []), dueAtMs / MINUTE_MS];
    }
  }
}

asking('first ten to thirty minutes after its start, then every hour', () => {
  const names = ['one', 'two', 'three', 'four'];
  const scheduler = new SchedulerUnderTest(...names);
  scheduler.nowMs = 5 * MINUTE_MS;
  scheduler.take(node('a', 9), ...names.map((name) => queue(name)));
  const times = askedUntil(scheduler, 5 * 60);
  assert.equal(Object.keys(times).sort(), [...names].sort());
  for (const [first = 0, ...others] of Object.values(times)) {
    assert.ok(first >= 15 && first <= 35, String(first));
    assert.equal(
      others.slice(0, 4),
      [60, 120, 180, 240].map((later) => first + later).slice(0, others.length),
    );
    assert.ok(others.length >= 4);
  }
});

asking('nobody is, and nothing rings, when nobody holds anything', () => {
  const scheduler = new SchedulerUnderTest('one');
  scheduler.take(node('a', 4), queue('one'), release('one'));
  assert.equal(askedUntil(scheduler, 24 * 60), {});
  assert.is(schedulerAggregate.deadline(scheduler.state), undefined);
});

asking('one whose release was lost gives its slots back when it is asked', () => {
  const over = sessionAfter(
    enqueue(),
    place(),
    report(prepared),
    report(running),
    report(exited(0)),
  );
  assert.is(over.state.status, 'done');
  const scheduler = new SchedulerUnderTest('waits');
  scheduler.take(node('a', 1), queueAs(sessionId), queue('waits'));
  assert.equal(scheduler.take(release('somebody else')), []);
  assert.equal(scheduler.take(...answers(over, asked(1) as SessionCommand)), ['waits -> a']);
});

asking('one that runs says nothing, and keeps its slots', () => {
  const alive = sessionAfter(enqueue(), place(), report(prepared), report(running));
  assert.equal(answers(alive, asked(1) as SessionCommand), []);
});

function queueAs(session: string): SchedulerCommand {
  const command = queue('one');
  return command.type === 'queue'
    ? { ...command, queued: { ...command.queued, session } }
    : command;
}

/** What the session tells the scheduler when it is told this. */
function answers(
  { state }: Pick<ReturnType<typeof sessionAfter>, 'state'>,
  command: SessionCommand,
): readonly SchedulerCommand[] {
  const about = { id: sessionId, revision: 9, nowMs: 0, newId: () => derivedId('new') };
  const actor = { kind: 'system', id: 'control' } as const;
  const decision = sessionAggregate.decide(state, command, { ...about, actor });
  if (!decision.ok) throw new Error(decision.error.code);
  return (decision.value.effects ?? [])
    .flatMap((effect) => sessionAggregate.messages(effect, state, about))
    .map((message) => ('command' in message ? (message.command as SchedulerCommand) : wake));
}

asking.run();
