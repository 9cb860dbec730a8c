import { OrreryError, subjects, systemClock } from '@orrery/bus';
import { requestReport } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import {
  enqueued,
  furniture,
  kernelIdOf,
  LogBook,
  lifeOf,
  sessionIdOf,
} from '../../unit/projections/log-book.ts';
import { execute, projected, Stage } from './stage.ts';

const ALL = { kind: 'all' } as const;

function livesOf(...names: readonly string[]): LogBook {
  const book = new LogBook();
  for (const step of furniture()) step(book);
  const lives = names.map((name) => [...lifeOf(name, { kernels: 2 })]);
  while (lives.some((life) => life.length > 0)) for (const life of lives) life.shift()?.(book);
  return book;
}

/** Of the failure that a promise ends with. */
async function codeOf(promise: Promise<void>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return error instanceof OrreryError ? error.code : String(error);
}

const projecting = suite<{ postgres: TestPostgres }>('projector: from the log to the tables');

projecting.before(async (context) => {
  context.postgres = await startPostgres();
});
projecting.after(async ({ postgres }) => {
  await postgres.stop();
});

projecting(
  'live rows equal those of a rebuild, before and after it took their place',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const book = livesOf('one', 'two', 'three');
    for (const commit of book.commits.slice(0, 20)) await stage.take([commit]);
    await stage.take(book.commits.slice(20));
    const live = await stage.dump();
    assert.is(live['audit']?.length, book.commits.length);
    assert.is(live['kernels']?.length, 6);
    for (const operation of ['verify', 'rebuild'] as const) {
      const answer = await requestReport(stage.bus.live, operation);
      assert.ok(answer.ok);
      assert.equal(answer.value.differences, []);
      assert.ok(answer.value.isEqual);
      assert.is(answer.value.sequence, book.commits.length);
      assert.is(
        answer.value.events,
        book.commits.reduce((sum, { events }) => sum + events.length, 0),
      );
      assert.equal(await stage.dump(), live);
    }
    const later = new LogBook('later');
    for (const step of lifeOf('later')) step(later);
    await stage.take(later.commits);
    assert.is(
      (await stage.projections.findSession(sessionIdOf('later'), ALL))?.status,
      'TERMINATED',
    );
    const answer = await requestReport(stage.bus.live, 'verify');
    assert.ok(answer.ok && answer.value.isEqual);
  },
);

projecting(
  'a comparison tells rows that are missing, unexpected or changed, a rebuild mends them',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const book = livesOf('one', 'two');
    await stage.take(book.commits);
    const live = await stage.dump();
    const { schema, url } = stage;
    await execute(url, `DELETE FROM ${schema}.kernels WHERE id = '${kernelIdOf('one')}'`);
    await execute(url, `UPDATE ${schema}.sessions SET status_info = 'forged'`);
    await execute(url, `UPDATE ${schema}.users SET id = 'somebody'`);
    const differences = [
      { table: 'sessions', missing: 0, unexpected: 0, changed: 2 },
      { table: 'kernels', missing: 1, unexpected: 0, changed: 0 },
      { table: 'users', missing: 1, unexpected: 1, changed: 0 },
    ];
    for (const operation of ['verify', 'rebuild'] as const) {
      const answer = await requestReport(stage.bus.live, operation);
      assert.ok(answer.ok);
      assert.not(answer.value.isEqual);
      assert.equal(answer.value.differences, differences);
    }
    assert.equal(await stage.dump(), live);
    const answer = await requestReport(stage.bus.live, 'verify');
    assert.ok(answer.ok && answer.value.isEqual);
  },
);

projecting(
  'the tables are written while they are verified and rebuilt, and nothing is lost',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const book = livesOf(...Array.from({ length: 40 }, (_, index) => `busy-${index}`));
    const half = Math.floor(book.commits.length / 2);
    await stage.take(book.commits.slice(0, half));
    const { bus, writer } = stage;
    for (const [index, operation] of (['verify', 'rebuild'] as const).entries()) {
      const part = book.commits.slice(half + index * 80, half + (index + 1) * 80);
      const asked = requestReport(bus.live, operation);
      for (const commit of part) await writer.append([commit]);
      const answer = await asked;
      assert.ok(answer.ok);
      assert.equal(answer.value.differences, []);
      assert.ok(answer.value.sequence >= half);
    }
    await stage.take(book.commits.slice(half + 160));
    const live = await stage.dump();
    assert.is(live['audit']?.length, book.commits.length);
    const answer = await requestReport(bus.live, 'verify');
    assert.ok(answer.ok && answer.value.isEqual);
    assert.is(answer.value.sequence, book.commits.length);
  },
);

projecting('a request that names no operation is refused', async ({ postgres }) => {
  await using stage = new Stage(postgres.url);
  await stage.take(livesOf().commits);
  const answer = await stage.bus.live.request(subjects.projector, { operation: 'destroy' }, 5_000);
  assert.is(new Map(Object.entries(Object(answer))).get('ok'), false);
});

projecting(
  'another projector that takes over changes nothing, and neither do commits met again',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    await stage.take(livesOf('one').commits);
    const live = await stage.dump();
    await stage.projector.stop();
    stage.start();
    await projected(stage.bus.live, stage.writer.lastSequence);
    assert.equal(await stage.dump(), live);
    await stage.projector.stop();
    await execute(stage.url, `UPDATE ${stage.schema}.checkpoint SET sequence = 0, hash = ''`);
    stage.start();
    await projected(stage.bus.live, stage.writer.lastSequence);
    assert.equal(await stage.dump(), live);
  },
);

projecting(
  'of two projectors one works, the other takes over when it ends',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const first = stage.projector;
    const book = livesOf('one', 'two', 'three');
    await stage.take(book.commits.slice(0, 10));
    const second = stage.start();
    for (const commit of book.commits.slice(10, 20)) await stage.take([commit]);
    assert.is(second.state.batches, 0);
    await first.stop();
    for (const commit of book.commits.slice(20)) await stage.take([commit]);
    assert.is(second.state.projectedSequence, book.commits.length);
    const answer = await requestReport(stage.bus.live, 'verify');
    assert.ok(answer.ok && answer.value.isEqual);
  },
);

projecting(
  'text that PostgreSQL cannot store, huge numbers and unknown events stop nothing',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const book = new LogBook();
    const asked = enqueued('strange');
    const { request } = asked;
    const strange = {
      ...asked,
      request: {
        ...request,
        name: `nul\0${'x'.repeat(9_000)}`,
        tag: '\uD800',
        environ: { 'A\0': 'b\0', __proto__x: '1' },
        command: ['\0'],
      },
    };
    const session = sessionIdOf('strange');
    book.write('session', session, strange);
    book.write('session', session, {
      type: 'kernel-running',
      kernel: kernelIdOf('strange'),
      containerId: 'c',
      startedAtMs: 1e300,
    });
    const [first] = book.commits;
    assert.ok(first);
    const unknown = {
      ...first,
      id: 'unknown',
      firstRevision: 3,
      events: [{ type: 'session-sang' }],
    };
    await stage.take([...book.commits, unknown]);
    const row = await stage.projections.findSession(session, ALL);
    assert.is(row?.name.slice(0, 5), 'nul\uFFFDx');
    assert.equal(row?.environ['A\uFFFD'], 'b\uFFFD');
    assert.is(row?.revision, 3);
    const listed = await stage.projections.listSessions({
      first: 1,
      visibility: ALL,
      filter: { name: strange.request.name },
    });
    assert.ok(listed.ok);
    assert.is(listed.value.totalCount, 1);
    const answer = await requestReport(stage.bus.live, 'rebuild');
    assert.ok(answer.ok && answer.value.isEqual);
  },
);

projecting('tables that are ahead of the log are refused, loudly', async ({ postgres }) => {
  await using stage = new Stage(postgres.url);
  await stage.take(livesOf('one').commits);
  await stage.projector.stop();
  await execute(stage.url, `UPDATE ${stage.schema}.checkpoint SET sequence = 1000`);
  const refused = stage.start();
  assert.is(await codeOf(refused.done), 'projections.log-mismatch');
  await execute(stage.url, `UPDATE ${stage.schema}.checkpoint SET sequence = 5, hash = 'other'`);
  const other = stage.start();
  assert.is(await codeOf(other.done), 'projections.log-mismatch');
  await execute(stage.url, `UPDATE ${stage.schema}.checkpoint SET sequence = 0, hash = ''`);
  stage.start();
});

projecting(
  'a database that is killed in the middle loses nothing and counts nothing twice',
  async ({ postgres }) => {
    await using stage = new Stage(postgres.url);
    const book = livesOf(...Array.from({ length: 30 }, (_, index) => `session-${index}`));
    const waiting = projected(stage.bus.live, book.commits.length);
    await stage.writer.append(book.commits.slice(0, 100));
    await postgres.kill('SIGKILL');
    const appending = stage.writer.append(book.commits.slice(100));
    await postgres.restart();
    await appending;
    await waiting;
    const reading = stage.projections.clusterStatus(ALL);
    assert.equal((await reading).sessionsByStatus, { TERMINATED: 30 });
    const answer = await requestReport(stage.bus.live, 'verify');
    assert.ok(answer.ok);
    assert.equal(answer.value.differences, []);
  },
);

projecting('a read meets a database that is away and waits for it', async ({ postgres }) => {
  await using stage = new Stage(postgres.url);
  const book = livesOf('one');
  await stage.take(book.commits);
  await stage.projections.checkpoint();
  // What a crash takes back is projected again later; here it shall take nothing back.
  await execute(stage.url, 'CHECKPOINT');
  await postgres.kill('SIGKILL');
  const reading = stage.projections.findSession(sessionIdOf('one'), ALL);
  await postgres.restart();
  assert.is((await reading)?.status, 'TERMINATED');
});

projecting('ten thousand events are taken; the speed is told', async ({ postgres }) => {
  await using stage = new Stage(postgres.url);
  await stage.take(livesOf('first').commits);
  await stage.projector.stop();
  const book = new LogBook('many');
  for (let index = 0; book.commits.length < 4_000; index += 1)
    for (const step of lifeOf(`many-${index}`)) step(book);
  await stage.writer.append(book.commits);
  const events = book.commits.reduce((sum, commit) => sum + commit.events.length, 0);
  const beganAtMs = systemClock.nowMs();
  const waiting = projected(stage.bus.live, stage.writer.lastSequence);
  stage.start();
  await waiting;
  const tookMs = systemClock.nowMs() - beganAtMs;
  const lone: number[] = [];
  for (let index = 0; index < 50; index += 1) {
    const one = new LogBook(`lone-${index}`);
    for (const step of lifeOf(`lone-${index}`).slice(0, 2)) step(one);
    for (const commit of one.commits) {
      const beganAtMs = performance.now();
      await stage.take([commit]);
      lone.push(performance.now() - beganAtMs);
    }
  }
  const sorted = lone.toSorted((left, right) => left - right);
  process.stdout.write(
    `  ${events} events of ${book.commits.length} commits in ${tookMs} ms; a lone commit in ${sorted[50]?.toFixed(1)} ms (p50), ${sorted[98]?.toFixed(1)} ms (p99)\n`,
  );
  const answer = await requestReport(stage.bus.live, 'verify');
  assert.ok(answer.ok && answer.value.isEqual);
  process.stdout.write(`  verified in ${answer.ok ? answer.value.durationMs : 0} ms\n`);
});

projecting.run();
