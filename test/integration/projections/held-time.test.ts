import { systemClock } from '@orrery/bus';
import type { HeldTimeRequest, HeldTimeRow } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Database } from '../../../projections/database.ts';
import { migrate } from '../../../projections/migration.ts';
import { migrations } from '../../../projections/migrations.ts';
import { tables } from '../../../projections/tables.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import {
  enqueued,
  furniture,
  kernelIdOf,
  LogBook,
  lifeOf,
  NODE,
  OWNER,
  queued,
  STRANGER,
  sessionIdOf,
} from '../../unit/projections/log-book.ts';
import { execute, Stage } from './stage.ts';

const DAY_MS = 86_400_000;
const DAY = 20_000;
const START_MS = DAY * DAY_MS;

interface Context {
  postgres: TestPostgres;
  stage: Stage;
}

/** Held from one time to another, in milliseconds from the start of a day; `undefined`: still. */
function held(
  book: LogBook,
  name: string,
  span: {
    readonly attempt?: number;
    readonly owner?: string;
    readonly fromMs: number;
    readonly untilMs?: number;
    readonly slots: Readonly<Record<string, string>>;
  },
): void {
  const { attempt = 1, owner = OWNER, fromMs, untilMs, slots } = span;
  const session = sessionIdOf(name);
  if (attempt === 1) book.write('session', session, enqueued(name, { owner }));
  const placements = [{ kernel: kernelIdOf(name), node: NODE, slots }];
  const atMs = START_MS + fromMs;
  book.write('scheduler', 'main', queued(name, attempt), {
    type: 'session-placed',
    session,
    attempt,
    placements,
    atMs,
  });
  if (untilMs !== undefined)
    book.write('scheduler', 'main', {
      type: 'allocation-released',
      session,
      atMs: START_MS + untilMs,
    });
}

const time = suite<Context>('held time: what is charged');

time.before(async (context) => {
  context.postgres = await startPostgres();
  context.stage = new Stage(context.postgres.url);
  const book = new LogBook();
  for (const step of furniture().slice(0, 5)) step(book);
  // Over midnight, with a part of a core and a part of a second.
  held(book, 'night', { fromMs: DAY_MS - 1_500, untilMs: DAY_MS + 1, slots: { cpu: '0.125' } });
  held(book, 'again', { fromMs: 0, untilMs: 10_000, slots: { cpu: '2', mem: '1024' } });
  held(book, 'again', { attempt: 2, fromMs: 20_000, untilMs: 21_000, slots: { cpu: '2' } });
  held(book, 'still', { fromMs: 5_000, slots: { cpu: '1' } });
  held(book, 'theirs', { owner: STRANGER, fromMs: 0, untilMs: 7, slots: { cpu: '1000' } });
  const session = sessionIdOf('still');
  book.write('session', session, { type: 'session-priority-changed', priority: 7 });
  for (const step of lifeOf('whole')) step(book);
  await context.stage.take(book.commits);
});
time.after(async ({ stage, postgres }) => {
  await stage[Symbol.asyncDispose]();
  await postgres.stop();
});

async function report(
  { stage }: Context,
  request: Partial<HeldTimeRequest> = {},
): Promise<readonly HeldTimeRow[]> {
  const found = await stage.projections.heldTime({
    fromDay: DAY,
    toDay: DAY + 1,
    nowMs: START_MS + 6_000,
    by: ['day', 'user'],
    visibility: { kind: 'all' },
    filter: {},
    ...request,
  });
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

function shortly(rows: readonly HeldTimeRow[]): readonly unknown[] {
  return rows.map(({ day, userId, slot, slotSeconds }) => [
    day === null ? null : day - DAY,
    userId,
    slot,
    slotSeconds,
  ]);
}

time('counts every attempt, and each day what lies in it, exactly', async (context) => {
  const nowMs = START_MS + 2 * DAY_MS;
  // The one that is still held: a day less five seconds, and a day.
  assert.equal(shortly(await report(context, { nowMs })), [
    [0, OWNER, 'cpu', String(0.1875 + 20 + 2 + 86_395)],
    [0, OWNER, 'mem', '10240'],
    [0, STRANGER, 'cpu', '7'],
    [1, OWNER, 'cpu', '86400.000125'],
  ]);
});

time('what is held still counts until now, and what is to come not at all', async (context) => {
  assert.equal(shortly(await report(context)), [
    [0, OWNER, 'cpu', '13'],
    [0, OWNER, 'mem', '6144'],
    [0, STRANGER, 'cpu', '7'],
  ]);
});

time('tells apart what is asked for, and shows nobody what is somebody else’s', async (context) => {
  const [all] = await report(context, { by: [], filter: { userId: STRANGER } });
  assert.equal(all, {
    ...{ day: null, userId: null, projectId: null, domain: null, resourceGroup: null },
    ...{ userEmail: null, projectName: null, slot: 'cpu', slotSeconds: '7' },
  });
  const own = await report(context, { visibility: { kind: 'user', userId: STRANGER } });
  assert.equal(shortly(own), [[0, STRANGER, 'cpu', '7']]);
  const others = await report(context, { visibility: { kind: 'user', userId: 'nobody' } });
  assert.equal(others, []);
});

time('refuses a period that is none, or longer than a year', async ({ stage }) => {
  const common = { nowMs: 0, by: [], visibility: { kind: 'all' }, filter: {} } as const;
  for (const toDay of [DAY - 1, DAY + 366]) {
    const found = await stage.projections.heldTime({ ...common, fromDay: DAY, toDay });
    assert.equal(found.ok ? undefined : [found.error.code, found.error.field], [
      'report-period-invalid',
      'to',
    ]);
  }
});

time('a database of the version before gets the rows that a fold gives', async (context) => {
  const { url } = context.postgres;
  const database = new Database({ url, clock: systemClock, connectionsMax: 2 });
  const before = migrations.filter(({ version }) => version < 10);
  await database.use((pool) => migrate(pool, 'older', before));
  const live = context.stage.schema;
  await execute(url, `INSERT INTO older.audit SELECT * FROM ${live}.audit`);
  const columns = tables.sessions.columns.map(({ name }) => `"${name}"`).join(', ');
  await execute(
    url,
    `INSERT INTO older.sessions (${columns}) SELECT ${columns} FROM ${live}.sessions;
     UPDATE older.sessions SET priority = 10`,
  );
  await database.use((pool) => migrate(pool, 'older', migrations));
  await database[Symbol.asyncDispose]();
  for (const table of ['allocations', 'sessions']) {
    const rows = (schema: string) =>
      execute(url, `SELECT t::text AS row FROM ${schema}.${table} AS t ORDER BY id`);
    assert.equal(await rows('older'), await rows(live), table);
  }
});

time.run();
