import type { KernelSpec, SessionCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
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
} from './session-under-test.ts';

const kernels = [
  kernelOf(mainKernel, 'main'),
  { ...kernelOf(subKernel, 'sub'), sharedMemoryBytes: 65_536 },
];
const placed: readonly SessionCommand[] = [
  enqueue({ kernels, sessionType: 'batch', command: ['train'], batchTimeoutMs: 5_000 }),
  place(1, [mainKernel, subKernel]),
];

/** What the nodes are told in the end, by hostname. */
function specsAfter(...commands: readonly SessionCommand[]): ReadonlyMap<string, KernelSpec> {
  const { state, effects, events } = sessionAfter(...commands);
  const at = { id: sessionId, revision: events.length };
  const outgoing = effects.flatMap((effect) => sessionAggregate.messages(effect, state, at));
  const specs = outgoing.flatMap((message) =>
    message.to === 'agent' && 'spec' in message.wish ? [message.wish.spec] : [],
  );
  return new Map(specs.map((spec) => [spec.hostname, spec]));
}

const clusters = suite('session: several kernels');

clusters('the program and its time limit are those of the main kernel alone', () => {
  const specs = specsAfter(...placed);
  const [main, sub] = [specs.get('main1'), specs.get('sub1')];
  assert.equal([main?.command, main?.batchTimeoutMs], [['train'], 5_000]);
  assert.equal([sub?.command, sub?.batchTimeoutMs], [null, undefined]);
  assert.equal([main?.sharedMemoryBytes, sub?.sharedMemoryBytes], [undefined, 65_536]);
  assert.is(sub?.environ['BACKENDAI_CLUSTER_HOSTS'], 'main1,sub1');
});

clusters('every kernel has its shares in one piece where the session asks for that', () => {
  const [asked, ...others] = placed;
  assert.is(asked?.type, 'enqueue');
  if (asked?.type !== 'enqueue') return;
  const request = { ...asked.request, isFragmentable: false };
  const specs = [...specsAfter({ ...asked, request }, ...others).values()];
  assert.equal(
    specs.map(({ isFragmentable }) => isFragmentable),
    [false, false],
  );
});

clusters('the result is that of the main kernel, and the others end with it', () => {
  const both = [mainKernel, subKernel];
  const { state } = sessionAfter(
    ...placed,
    ...both.map((kernel) => report(prepared, kernel)),
    ...both.map((kernel) => report(running, kernel)),
    report(exited(0), mainKernel),
  );
  assert.is(state.value, 'terminating');
  assert.is(state.context.result, 'success');
  assert.is(state.context.kernels[subKernel]?.status, 'TERMINATING');
});

clusters.run();
