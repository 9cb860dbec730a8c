import { known, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Database } from '../../../projections/database.ts';
import { MigrationMismatch } from '../../../projections/errors.ts';
import { type Migration, migrate } from '../../../projections/migration.ts';
import { migrations } from '../../../projections/migrations.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import { execute } from './stage.ts';

interface Context {
  postgres: TestPostgres;
  database: Database;
}

const migrating = suite<Context>('migrations: the shape of the tables');

migrating.before(async (context) => {
  context.postgres = await startPostgres();
  const { url } = context.postgres;
  context.database = new Database({ url, clock: systemClock, connectionsMax: 4 });
});
migrating.after(async ({ postgres, database }) => {
  await database[Symbol.asyncDispose]();
  await postgres.stop();
});

function statement(text: string): Migration['statements'][number] {
  const [first] = migrations.flatMap(({ statements }) => statements);
  return { ...known(first), sql: text };
}

const next: Migration = {
  version: Math.max(...migrations.map(({ version }) => version)) + 1,
  name: 'next',
  statements: [statement('ALTER TABLE sessions ADD COLUMN colour text')],
};

function run({ database }: Context, schema: string, steps: readonly Migration[]): Promise<void> {
  return database.use((pool) => migrate(pool, schema, steps));
}

migrating('each is applied once, however often and by how many at once', async (context) => {
  await Promise.all([1, 2, 3].map(() => run(context, 'once', migrations)));
  await run(context, 'once', migrations);
  const { url } = context.postgres;
  assert.equal(
    await execute(url, 'SELECT version FROM once.migrations ORDER BY version'),
    migrations.map(({ version }) => ({ version })),
  );
  assert.equal(await execute(url, 'SELECT sequence FROM once.checkpoint'), [{ sequence: '0' }]);
});

migrating('a newer version adds what is missing and keeps the rows', async (context) => {
  await run(context, 'newer', migrations);
  const { url } = context.postgres;
  await execute(url, 'UPDATE newer.checkpoint SET sequence = 7');
  await run(context, 'newer', [...migrations, next]);
  assert.equal(await execute(url, 'SELECT colour FROM newer.sessions'), []);
  assert.equal(await execute(url, 'SELECT sequence FROM newer.checkpoint'), [{ sequence: '7' }]);
});

migrating('one that fails leaves nothing behind', async (context) => {
  const broken: Migration = {
    ...next,
    statements: [...next.statements, statement('ALTER TABLE nonsense ADD COLUMN x text')],
  };
  await run(context, 'broken', migrations);
  assert.ok(await failureOf(run(context, 'broken', [...migrations, broken])));
  await run(context, 'broken', [...migrations, next]);
});

migrating('tables of a newer or of another version are refused', async (context) => {
  await run(context, 'ahead', [...migrations, next]);
  assert.instance(await failureOf(run(context, 'ahead', migrations)), MigrationMismatch);
  const changed: Migration = { ...next, statements: [statement('SELECT 1')] };
  const failure = await failureOf(run(context, 'ahead', [...migrations, changed]));
  assert.instance(failure, MigrationMismatch);
});

async function failureOf(promise: Promise<void>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

migrating.run();
