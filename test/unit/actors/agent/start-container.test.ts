import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startContainer } from '../../../../actors/agent/docker/start-container.ts';
import { EngineRefused } from '../../../../actors/agent/errors.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';

const NOT_YET = 'invalid cluster node while attaching to network';

/** A container that cannot be started so many times. */
function refusing(times: number, message: string) {
  const tries = { count: 0 };
  const start = async () => {
    tries.count += 1;
    if (tries.count <= times) throw Object.assign(new Error(message), { statusCode: 500 });
  };
  return { container: { start } as never, tries };
}

const starting = suite('agent: starting a container');
const signal = new AbortController().signal;

starting('one that joins an overlay waits until its swarm knows the member', async () => {
  const clock = new SimulatedClock(0);
  const { container, tries } = refusing(3, NOT_YET);
  const started = startContainer(container, { clock, isInOverlay: true }, signal);
  await clock.advance(2_000);
  await started;
  assert.is(tries.count, 4);
});

starting('not for ever, not for any other refusal, and not outside of an overlay', async () => {
  const outcome = async (message: string, isInOverlay: boolean) => {
    const clock = new SimulatedClock(0);
    const { container, tries } = refusing(1_000, message);
    const failed = startContainer(container, { clock, isInOverlay }, signal).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    await clock.advance(60_000);
    assert.instance(await failed, EngineRefused);
    return tries.count;
  };
  assert.ok((await outcome(NOT_YET, true)) > 10);
  assert.is(await outcome('no such program', true), 1);
  assert.is(await outcome(NOT_YET, false), 1);
});

starting.run();
