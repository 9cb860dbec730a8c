import type { KernelReport, SessionCommand } from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { decide } from '../../../../actors/session/decide.ts';
import { isKernelOver, type SessionSnapshot } from '../../../../actors/session/machine.ts';
import { ATTEMPTS_MAX } from '../../../../actors/session/requeue.ts';
import {
  enqueue,
  exited,
  kernelOf,
  mainKernel,
  place,
  prepared,
  report,
  running,
  sessionAfter,
  sessionId,
  subKernel,
  terminate,
} from './session-under-test.ts';

const started: readonly SessionCommand[] = [enqueue(), place(), report(prepared), report(running)];
const batch = { sessionType: 'batch' as const, command: ['true'] };
const startedBatch = [enqueue(batch), place(), report(prepared), report(running)];

const ended = (exitCode: number) => exited(exitCode) as Extract<KernelReport, { state: 'exited' }>;

/** What the newest command makes the session wish of its nodes. */
function wishesAfter(...commands: readonly SessionCommand[]): readonly string[] {
  const { effects } = sessionAfter(...commands.slice(0, -1));
  const { state, ...after } = sessionAfter(...commands);
  const at = { id: sessionId, revision: after.events.length };
  const outgoing = after.effects
    .slice(effects.length)
    .flatMap((effect) => sessionAggregate.messages(effect, state, at));
  return outgoing.flatMap((message) => (message.to === 'agent' ? [message.wish.shall] : []));
}

const life = suite('session: life');

life('passes through every status of the happy path in order, once each', () => {
  const { types } = sessionAfter(...started, terminate(), report(exited(0)));
  assert.equal(
    types.filter((type) => type.startsWith('session-')),
    [
      'session-enqueued',
      'session-scheduled',
      'session-preparing',
      'session-prepared',
      'session-creating',
      'session-running',
      'session-terminating',
      'session-terminated',
    ],
  );
});

const use: Extract<SessionCommand, { readonly type: 'note-use' }> = {
  type: 'note-use',
  use: { kind: 'file-removed', path: 'a', isRecursive: false },
  usedAtMs: 5,
};

life('what is done inside is written down as long as something may run there', () => {
  const used = { type: 'session-used', use: use.use, usedAtMs: 5 };
  for (const [state, commands] of [
    ['running', started],
    ['terminating', [...started, terminate()]],
    ['pending', [...started, { type: 'requeue', attempt: 1, reason: 'preempted', message: '' }]],
  ] as const) {
    const before = sessionAfter(...commands);
    const after = sessionAfter(...commands, use);
    assert.is(after.state.value, state);
    assert.equal(after.events.at(-1), used, state);
    assert.equal(after.effects, before.effects, 'nobody is told of it');
  }
  for (const commands of [[enqueue()], [...started, terminate(), report(exited(0))]]) {
    const { state, events } = sessionAfter(...commands);
    const decision = decide(state, use, { id: sessionId, revision: events.length, nowMs: 0 });
    assert.is(decision.ok ? 'taken' : decision.error.code, 'session-not-running');
  }
});

life('a run that is asked for again, as its answer was lost, is written down once', () => {
  const run = (runId: string): SessionCommand => ({
    type: 'note-use',
    use: { kind: 'batch', runId, language: 'shell', steps: {}, digest: '' },
    usedAtMs: 5,
  });
  const { types } = sessionAfter(...started, run('a'), use, run('a'), run('b'));
  assert.is(types.filter((type) => type === 'session-used').length, 3);
});

life('waits for all kernels of a cluster before it goes on', () => {
  const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
  const begin = [enqueue({ kernels }), place(1, [mainKernel, subKernel]), report(prepared)];
  assert.is(sessionAfter(...begin).state.value, 'preparing');
  const both = [...begin, report(prepared, subKernel)];
  assert.is(sessionAfter(...both).state.value, 'creating');
  assert.is(sessionAfter(...both, report(running)).state.value, 'creating');
  assert.is(
    sessionAfter(...both, report(running), report(running, subKernel)).state.value,
    'running',
  );
});

life('the devices that an agent gave to a kernel are kept with its start', () => {
  const devices = [
    { id: 'GPU-1', slot: 'cuda.device', amount: '1', model: 'H100', memoryBytes: 1 },
  ];
  const told = { state: 'running' as const, containerId: 'c', startedAtMs: 1, devices };
  const { events } = sessionAfter(enqueue(), place(), report(prepared), report(told));
  const started = events.find(({ type }) => type === 'kernel-running');
  assert.equal(started?.type === 'kernel-running' && started.devices, devices);
});

life('a batch program that ends well makes the session a success and ends it', () => {
  const { events, state } = sessionAfter(...startedBatch, report(exited(0)));
  assert.is(state.value, 'terminated');
  assert.equal(
    events.filter(({ type }) => type === 'session-finished'),
    [{ type: 'session-finished', result: 'success', exitCode: 0, reason: 'task-finished' }],
  );
});

life('a batch program that fails makes the session a failure with its exit code', () => {
  const { events } = sessionAfter(...startedBatch, report(exited(3)));
  assert.equal(
    events.filter(({ type }) => type === 'session-finished'),
    [{ type: 'session-finished', result: 'failure', exitCode: 3, reason: 'task-failed' }],
  );
});

life('a program killed for its memory is called out of memory', () => {
  const { events, state } = sessionAfter(...startedBatch, report(exited(137, true)));
  assert.is(state.context.ending?.reason, 'out-of-memory');
  const ended = events.find(({ type }) => type === 'kernel-terminated');
  assert.is(ended?.type === 'kernel-terminated' && ended.reason, 'out-of-memory');
});

life('a batch that its user ends has no result', () => {
  const { types } = sessionAfter(...startedBatch, terminate(), report(exited(137)));
  assert.not(types.includes('session-finished'));
});

life('an exit that is met before the start was reported still ends the session', () => {
  const { state } = sessionAfter(enqueue(batch), place(), report(prepared), report(exited(0)));
  assert.is(state.value, 'terminated');
});

life('a report stands for those that were not sent: all statuses follow in one commit', () => {
  const { types } = sessionAfter(enqueue(), place(), report(running));
  assert.equal(
    types.filter((type) => type.startsWith('session-')),
    [
      'session-enqueued',
      'session-scheduled',
      'session-preparing',
      'session-prepared',
      'session-creating',
      'session-running',
    ],
  );
  const ran = { containerId: 'c', startedAtMs: 1 };
  const whole = sessionAfter(enqueue(batch), place(), report({ ...ended(0), ran }));
  assert.is(whole.state.value, 'terminated');
  assert.equal(whole.types.slice(5), [
    'kernel-prepared',
    'session-prepared',
    'kernel-creating',
    'session-creating',
    'kernel-running',
    'session-running',
    'kernel-terminated',
    'session-finished',
    'session-terminating',
    'session-terminated',
  ]);
});

life('a kernel that is alone is told to run at once, one of several to be prepared', () => {
  const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
  assert.equal(wishesAfter(enqueue(), place()), ['run']);
  const cluster = [enqueue({ kernels }), place(1, [mainKernel, subKernel])];
  assert.equal(wishesAfter(...cluster), ['be-prepared', 'be-prepared']);
  const ready = [...cluster, report(prepared), report(prepared, subKernel)];
  assert.equal(wishesAfter(...ready), ['run', 'run']);
});

life('a kernel that runs is not told to run', () => {
  assert.equal(wishesAfter(enqueue(), place(), report(running)), []);
});

life('of a kernel that was removed when its end was told nothing more is wished', () => {
  const isRemoved = true;
  assert.equal(wishesAfter(...startedBatch, report({ ...ended(0), isRemoved })), []);
  assert.equal(wishesAfter(...startedBatch, report(ended(0))), ['be-gone']);
});

life('a report of an earlier attempt starts nothing', () => {
  const late = { ...report(running), wishRevision: 1 };
  const { state } = sessionAfter(enqueue(), place(), late);
  assert.is(state.value, 'preparing');
});

life('in a cluster no kernel runs before all are prepared', () => {
  const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
  const cluster = [enqueue({ kernels }), place(1, [mainKernel, subKernel]), report(running)];
  assert.is(sessionAfter(...cluster).state.value, 'preparing');
});

life.run();

const ending = suite('session: ending');

ending('a pending session is cancelled at once', () => {
  assert.is(sessionAfter(enqueue(), terminate()).state.value, 'cancelled');
});

ending('no command leads up again after the wish to end', () => {
  const { state } = sessionAfter(...started.slice(0, 3), terminate());
  assert.is(state.value, 'terminating');
  for (const command of [
    place(),
    report(prepared),
    report({ state: 'pulling' }),
    report(running),
  ]) {
    const decision = decide(state, command, { id: sessionId, revision: 0, nowMs: 0 });
    assert.ok(decision.ok && decision.value.events.length === 0, command.type);
  }
});

ending('terminating twice changes nothing, and force makes it urgent once', () => {
  const first = sessionAfter(...started, terminate());
  assert.equal(sessionAfter(...started, terminate(), terminate()).types, first.types);
  const forced = sessionAfter(...started, terminate(), terminate('force'), terminate('force'));
  assert.is(forced.types.filter((type) => type === 'session-forced').length, 1);
});

ending('a container that lives after its session is told to go', () => {
  const over = sessionAfter(...started, terminate(), report(exited(0)));
  const decision = decide(over.state, report(running), { id: sessionId, revision: 0, nowMs: 0 });
  assert.ok(decision.ok);
  assert.equal(decision.value.events, []);
  assert.equal(
    decision.value.effects?.map(({ type }) => type),
    ['tellAgentsToBeGone'],
  );
});

ending('a placement for a session that is over is given back', () => {
  const over = sessionAfter(enqueue(), terminate());
  const decision = decide(over.state, place(), { id: sessionId, revision: 0, nowMs: 0 });
  assert.equal(decision.ok && decision.value.effects?.map(({ type }) => type), ['freeAllocation']);
});

ending('it ends past its deadline though no node answers', () => {
  const { state, types } = sessionAfter(...started, terminate(), {
    type: 'pass-deadline',
    deadline: 'x',
  });
  assert.is(state.value, 'terminated');
  assert.ok(types.includes('kernel-terminated'));
});

ending.run();

const failing = suite('session: failing');
const broken = (code: string): SessionCommand =>
  report({ state: 'failed', step: 'create', code, message: 'it did not work' });

failing('a failure that another node may not have leads back to the queue', () => {
  const { state, types } = sessionAfter(
    enqueue(),
    place(),
    report(prepared),
    broken('engine-unavailable'),
  );
  assert.is(state.value, 'pending');
  assert.is(state.context.attempt, 2);
  assert.ok(types.includes('session-requeued'));
});

failing('a failure that would come again is an error with its reason', () => {
  const { state, events } = sessionAfter(
    enqueue(),
    place(),
    report(prepared),
    broken('command-not-found'),
  );
  assert.is(state.value, 'failed');
  const last = events.at(-1);
  assert.is(last?.type === 'session-failed' && last.reason, 'command-not-found');
});

const outdated = (state: Parameters<typeof report>[0], wishRevision: number): SessionCommand => {
  const command = report(state);
  return command.type === 'report-kernel' ? { ...command, wishRevision } : command;
};
const requeued = [enqueue(), place(), report(prepared), broken('engine-unavailable')];

failing('what an agent says late of an earlier attempt changes nothing in the next', () => {
  const preparing = sessionAfter(...requeued, place(2), report(prepared));
  assert.is(preparing.state.value, 'creating');
  const { wishesFrom = 0 } = preparing.state.context;
  for (const state of [exited(0), running, { state: 'absent' } as const]) {
    const { events } = sessionAfter(
      ...requeued,
      place(2),
      report(prepared),
      outdated(state, wishesFrom - 1),
    );
    assert.is(events.length, preparing.events.length, state.state);
  }
});

failing('a start that failed once does not end a kernel that runs and is asked to go', () => {
  const ended = sessionAfter(...started, terminate());
  const { wishesFrom = 0 } = ended.state.context.ending ?? {};
  const failed = {
    state: 'failed',
    step: 'pull',
    code: 'engine-unavailable',
    message: '',
  } as const;
  const late = sessionAfter(...started, terminate(), outdated(failed, wishesFrom - 1));
  assert.is(late.state.value, 'terminating');
  const answered = sessionAfter(...started, terminate(), outdated(failed, wishesFrom));
  assert.is(answered.state.value, 'terminated');
});

failing('it is given up after the last attempt', () => {
  const commands: SessionCommand[] = [enqueue()];
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    commands.push(place(attempt), broken('engine-unavailable'));
  }
  assert.is(sessionAfter(...commands).state.value, 'failed');
});

failing('after as many attempts as were asked for, or never', () => {
  const failed = (attempts: number) =>
    Array.from({ length: attempts }, (_, index) => [
      place(index + 1),
      broken('engine-unavailable'),
    ]).flat();
  const ends = (attemptsMax: number, attempts: number): unknown =>
    sessionAfter(enqueue({ attemptsMax }), ...failed(attempts)).state.value;
  assert.is(ends(2, 1), 'pending');
  assert.is(ends(2, 2), 'failed');
  assert.is(ends(0, ATTEMPTS_MAX + 3), 'pending');
});

failing('one failed kernel of two ends the other before the error', () => {
  const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
  const begin = [
    enqueue({ kernels }),
    place(1, [mainKernel, subKernel]),
    report(prepared),
    report(prepared, subKernel),
  ];
  const half = sessionAfter(...begin, report(running, subKernel), broken('command-not-found'));
  assert.is(half.state.value, 'terminating');
  const whole = sessionAfter(
    ...begin,
    report(running, subKernel),
    broken('command-not-found'),
    report(exited(0), subKernel),
  );
  assert.is(whole.state.value, 'failed');
});

failing('a report from a node that has the kernel no longer changes nothing', () => {
  const moved = sessionAfter(
    enqueue(),
    place(),
    broken('engine-unavailable'),
    place(2, [mainKernel], 'node-b'),
  );
  const decision = decide(moved.state, report(prepared), { id: sessionId, revision: 0, nowMs: 0 });
  assert.equal(decision.ok && decision.value.events, []);
});

failing('an answer to an attempt that is past changes nothing', () => {
  const { state } = sessionAfter(enqueue(), place(), broken('engine-unavailable'));
  assert.equal(decide(state, place(1), { id: sessionId, revision: 0, nowMs: 0 }), {
    ok: true,
    value: { events: [] },
  });
});

failing.run();

const anything = suite('session: any order of commands');

const anyCommand: fc.Arbitrary<SessionCommand> = fc.oneof(
  fc.constantFrom(
    ...[1, 2, 3].map((attempt) => place(attempt, [mainKernel, subKernel])),
    place(1),
    terminate(),
    terminate('force'),
  ),
  fc
    .tuple(
      fc.constantFrom(
        prepared,
        running,
        exited(0),
        exited(1),
        { state: 'pulling' as const },
        { state: 'absent' as const },
      ),
      fc.constantFrom(mainKernel, subKernel),
      fc.constantFrom('node-a', 'node-b'),
    )
    .map(([state, kernel, node]) => report(state, kernel, node)),
  fc.constantFrom(broken('engine-unavailable'), broken('command-not-found'), enqueue()),
  fc.constant<SessionCommand>({ type: 'pass-deadline', deadline: 'x' }),
);

anything(
  'never decides an event that its machine refuses, and is over only when its kernels are',
  () => {
    const run = (commands: readonly SessionCommand[]): void => {
      let state: SessionSnapshot = sessionAggregate.initial(sessionId);
      const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
      for (const command of [enqueue({ kernels }), ...commands]) {
        const decision = decide(state, command, { id: sessionId, revision: 0, nowMs: 0 });
        if (!decision.ok) continue;
        for (const event of decision.value.events) {
          const applied = sessionAggregate.apply(state, event);
          if (applied === undefined) throw new Error(`${event.type} while ${String(state.value)}`);
          state = applied.state;
        }
        if (state.status === 'done')
          assert.ok(Object.values(state.context.kernels).every(isKernelOver));
      }
    };
    fc.assert(fc.property(fc.array(anyCommand, { maxLength: 25 }), run), { numRuns: 300 });
  },
);

anything.run();
