import { known, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CopyConnection } from '../../../projections/copy-connection.ts';
import { Database } from '../../../projections/database.ts';
import { migrate } from '../../../projections/migration.ts';
import { migrations } from '../../../projections/migrations.ts';
import { Projection } from '../../../projections/projection.ts';
import { RowStore } from '../../../projections/row-store.ts';
import { TableBuilder } from '../../../projections/table-builder.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import { furniture, LogBook, lifeOf, queued } from '../../unit/projections/log-book.ts';
import { dump, execute } from './stage.ts';

const building = suite<{ postgres: TestPostgres; database: Database }>('table builder: in bulk');

building.before(async (context) => {
  context.postgres = await startPostgres();
  const { url } = context.postgres;
  context.database = new Database({ url, clock: systemClock, connectionsMax: 2 });
});
building.after(async ({ postgres, database }) => {
  await database[Symbol.asyncDispose]();
  await postgres.stop();
});

/** Lives side by side, and one that goes on after all others are over. */
function longBook(): LogBook {
  const book = new LogBook();
  for (const step of furniture()) step(book);
  const [begin, ...rest] = lifeOf('long');
  known(begin)(book);
  const lives = Array.from({ length: 30 }, (_, index) => [...lifeOf(`l-${index}`, { kernels: 2 })]);
  while (lives.some((life) => life.length > 0)) for (const life of lives) life.shift()?.(book);
  for (const step of rest) step(book);
  // A session that was over is queued again, and one is told of twice.
  book.write('scheduler', 'main', queued('l-3', 2), queued('l-4'));
  return book;
}

building('rows are those of the projector, whatever is forgotten on the way', async (context) => {
  const { postgres, database } = context;
  const book = longBook();
  await database.use(async (pool) => {
    await migrate(pool, 'plain', migrations);
    const projection = await Projection.resume(new RowStore(pool, 'plain'));
    for (let at = 0; at < book.commits.length; at += 7)
      await projection.take(book.commits.slice(at, at + 7));
    for (const statesMax of [4, 1_000]) {
      const schema = `bulk_${statesMax}`;
      await migrate(pool, schema, migrations);
      const indexes = await indexesOf(postgres.url, schema);
      await using copying = await CopyConnection.open(postgres, schema);
      await pool.connect(async (connection) => {
        const store = new RowStore(connection, schema);
        const limits = { statesMax, auditRowsMax: 20 };
        const builder = new TableBuilder({ connection, store, copying, schema, limits });
        await builder.begin();
        for (let at = 0; at < book.commits.length; at += 5)
          await builder.take(book.commits.slice(at, at + 5));
        await builder.complete();
        assert.is((await store.checkpoint()).sequence, book.commits.length);
      });
      assert.equal(await dump(postgres.url, schema), await dump(postgres.url, 'plain'));
      assert.equal(await indexesOf(postgres.url, schema), indexes);
    }
  });
});

function indexesOf(url: string, schema: string): Promise<readonly unknown[]> {
  const query = `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = '${schema}'`;
  return execute(url, `${query} ORDER BY indexname`);
}

building.run();
