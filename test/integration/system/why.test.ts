import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SessionWhy } from '../../../gateway/client/session-why.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

const WITHIN_MS = 60_000;
const BATCH_SECONDS = 600;

const system = await startSystem(['--driver', 'process']);
const { client, dataDirectory } = system;
const { accessKey } = JSON.parse(readFileSync(join(dataDirectory, 'profile.json'), 'utf8'));

async function orrery(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runOrrery(dataDirectory, ...args);
  assert.is(code, 0, stderr);
  return stdout;
}

const create = async (...args: readonly string[]): Promise<string> =>
  (await orrery('session', 'create', '--mem', '64m', ...args)).trim();

/** A batch session of ten minutes, and no longer. */
const batch = (cpu: number): Promise<string> =>
  create('--cpu', String(cpu), '--timeout', String(BATCH_SECONDS), '--', 'sleep', '600');

/** As `session why ID --json` tells it, once that is as wanted. */
async function whyOf(id: string, isWanted: (why: SessionWhy) => boolean): Promise<SessionWhy> {
  const deadlineMs = performance.now() + WITHIN_MS;
  for (;;) {
    const why: SessionWhy = JSON.parse(await orrery('session', 'why', id, '--json'));
    if (isWanted(why)) return why;
    if (performance.now() > deadlineMs) throw new Error(`it is told ${JSON.stringify(why)}`);
  }
}

const isHeld = ({ code, forecast }: SessionWhy): boolean => code !== null && forecast !== null;

async function untilPlaced(id: string): Promise<void> {
  await whyOf(id, ({ isWaiting, status }) => !isWaiting && status !== 'PENDING');
}

async function end(...ids: readonly string[]): Promise<void> {
  for (const id of ids) await orrery('session', 'rm', id, '--force');
}

async function coresOfTheAgent(): Promise<number> {
  const { edges } = await client.agents({ first: 1 });
  return Number(edges[0]?.node.availableSlots['cpu']);
}

const cores = await coresOfTheAgent();

const why = suite('session why: on a whole system');

why(
  'a session that is too large never starts as it is, and does with what is suggested',
  async () => {
    const large = await create('--cpu', String(cores + 2));
    const told = await whyOf(large, isHeld);
    assert.is(told.code, 'never-fits');
    assert.equal(told.agents, { inGroup: 1, schedulable: 1, compatible: 1, largeEnough: 0 });
    assert.is(told.forecast?.startsAt, null);
    const [suggestion] = told.forecast?.suggestions ?? [];
    assert.is(suggestion?.message, `with ${cores} cpu instead of ${cores + 2} cpu`);
    const text = await orrery('session', 'why', large);
    assert.match(text, /^place +1 of 1$/m);
    assert.match(text, /^starts +It never starts as long as/m);
    assert.match(text, new RegExp(`^at once +with ${cores} cpu instead of`, 'm'));
    await end(large);
    const instead = await create('--cpu', suggestion?.kernels?.[0]?.['cpu'] ?? '');
    await untilPlaced(instead);
    await end(instead);
  },
);

why(
  'a session that waits for room is told when it will have it, and the score of that',
  async () => {
    const runs = await batch(cores - 1);
    await untilPlaced(runs);
    const waits = await batch(2);
    const told = await whyOf(waits, isHeld);
    assert.is(told.code, 'no-available-instances');
    assert.equal(told.missingSlots, { cpu: '1' });
    assert.is(told.place, 1);
    const { forecast } = told;
    const startsInMs = Date.parse(forecast?.startsAt ?? '') - Date.parse(forecast?.askedAt ?? '');
    assert.ok(startsInMs > 0 && startsInMs <= BATCH_SECONDS * 1000, `${startsInMs} ms`);
    assert.is(forecast?.suggestions[0]?.message, 'with 1 cpu instead of 2 cpu');
    assert.is(forecast?.score, null);
    const small = await batch(1);
    await untilPlaced(small);
    await end(runs, small);
    await untilPlaced(waits);
    const next = await batch(cores);
    const { forecast: later } = await whyOf(next, isHeld);
    assert.is(later?.score?.count, 1);
    assert.match(
      await orrery('session', 'why', next),
      /^forecasts +of the last 1, \d+ % came within twice/m,
    );
    await end(waits, next);
  },
);

why('a session that a limit holds is told which, and when its owner has room again', async () => {
  await orrery('admin', 'limits', 'set', 'keypair', accessKey, '--concurrent', '1');
  const runs = await batch(1);
  await untilPlaced(runs);
  const waits = await batch(1);
  const told = await whyOf(waits, isHeld);
  assert.is(told.code, 'concurrency');
  assert.equal(
    told.checks.map(({ name }) => name),
    ['concurrency'],
  );
  assert.ok(told.forecast?.startsAt);
  assert.equal(told.forecast?.suggestions, []);
  await orrery('admin', 'limits', 'clear', 'keypair', accessKey);
  await untilPlaced(waits);
  await end(runs, waits);
});

why('a session for a later time is not told to start before', async () => {
  const startsAt = new Date(systemClock.nowMs() + 3_600_000).toISOString();
  const later = await create('--cpu', '1', '--starts-at', startsAt);
  const told = await whyOf(later, isHeld);
  assert.is(told.code, 'reserved-time');
  assert.ok(Date.parse(told.forecast?.startsAt ?? '') >= Date.parse(startsAt));
  await end(later);
});

why.after(async () => {
  await system[Symbol.asyncDispose]();
});
why.run();
