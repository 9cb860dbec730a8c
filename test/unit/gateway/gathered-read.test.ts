import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GatheredRead } from '../../../gateway/feed/gathered-read.ts';

const gathered = suite('gathered read: what many ask for at once');

interface Query {
  readonly ids: readonly string[];
  answer(): void;
  fail(error: Error): void;
}

function readOf(): { readonly read: GatheredRead<string>; readonly queries: Query[] } {
  const queries: Query[] = [];
  const read = new GatheredRead<string>((ids) => {
    const result = Promise.withResolvers<ReadonlyMap<string, string>>();
    const found = ids.filter((id) => id !== 'nobody').map((id) => [id, `row ${id}`] as const);
    queries.push({
      ids,
      answer: () => result.resolve(new Map(found)),
      fail: (error) => result.reject(error),
    });
    return result.promise;
  });
  return { read, queries };
}

const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

gathered('is looked up by one query, each id once', async () => {
  const { read, queries } = readOf();
  const asked = [read.load('a'), read.load('b'), read.load('a'), read.load('nobody')];
  await turn();
  assert.equal(
    queries.map(({ ids }) => ids),
    [['a', 'b', 'nobody']],
  );
  queries[0]?.answer();
  assert.equal(await Promise.all(asked), ['row a', 'row b', 'row a', undefined]);
});

gathered('is never answered by a query that had begun before it was asked for', async () => {
  const { read, queries } = readOf();
  const first = read.load('a');
  await turn();
  const second = read.load('a');
  await turn();
  assert.is(queries.length, 2);
  for (const query of queries) query.answer();
  assert.equal(await Promise.all([first, second]), ['row a', 'row a']);
});

gathered('waits while two queries are under way, and then goes together', async () => {
  const { read, queries } = readOf();
  const asked: Promise<unknown>[] = [];
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    asked.push(read.load(id));
    await turn();
  }
  assert.is(queries.length, 2);
  queries[0]?.answer();
  await asked[0];
  await turn();
  assert.equal(queries[2]?.ids, ['c', 'd', 'e']);
  queries[1]?.answer();
  queries[2]?.answer();
  await Promise.all(asked);
});

gathered('a query that fails fails those who are in it, and no others', async () => {
  const { read, queries } = readOf();
  const failing = read.load('a');
  await turn();
  const other = read.load('b');
  await turn();
  queries[0]?.fail(new Error('the database is away'));
  queries[1]?.answer();
  assert.match((await failing.catch((error: Error) => error)) as string, /away/);
  assert.is(await other, 'row b');
});

gathered('more ids than one query takes go into several', async () => {
  const { read, queries } = readOf();
  const asked = Array.from({ length: 501 }, (_, index) => read.load(String(index)));
  await turn();
  await turn();
  assert.equal(
    queries.map(({ ids }) => ids.length),
    [500, 1],
  );
  for (const query of queries) query.answer();
  assert.is((await Promise.all(asked)).length, 501);
});

gathered.run();
