import { imageId, registryId } from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changedRows, foldBatch, neededIds, parseBatch } from '../../../projections/batch.ts';
import { emptyFolded, type Folded, KINDS } from '../../../projections/folded.ts';
import {
  ACCESS_KEY,
  furniture,
  IMAGE,
  kernelIdOf,
  LogBook,
  lifeOf,
  NODE,
  OWNER,
  PRESET,
  queued,
  sessionIdOf,
  timeOf,
} from './log-book.ts';

type Step = (book: LogBook) => void;

/** Lives side by side: the order inside each life is kept, `choices` says whose turn it is. */
function interleaved(lives: readonly (readonly Step[])[], choices: readonly number[]): LogBook {
  const book = new LogBook();
  const waiting = lives.map((life) => [...life]);
  for (const choice of choices) {
    const open = waiting.filter((life) => life.length > 0);
    open[choice % Math.max(open.length, 1)]?.shift()?.(book);
  }
  for (const life of waiting) for (const step of life) step(book);
  return book;
}

/** Tables as they would be in the database, by table and key. */
class Rows {
  readonly #tables = new Map<string, Map<unknown, object>>();

  write(changes: ReturnType<typeof changedRows>): void {
    for (const { table, rows, mode } of changes) {
      const key = table.columns.find(({ name }) => name === table.key)?.property ?? '';
      const written = this.#tables.get(table.name) ?? new Map<unknown, object>();
      const fixed = table.columns.filter(({ isFixed }) => isFixed).map(({ property }) => property);
      for (const row of rows) {
        const id = Reflect.get(row, key);
        const before = mode === 'update' ? written.get(id) : undefined;
        // An update leaves the columns as they are that never change.
        const kept = before && fixed.map((property) => [property, Reflect.get(before, property)]);
        written.set(id, { ...row, ...Object.fromEntries(kept ?? []) });
      }
      this.#tables.set(table.name, written);
    }
  }

  sorted(): unknown {
    return [...this.#tables]
      .toSorted(([left], [right]) => left.localeCompare(right))
      .map(([name, rows]) => [name, [...rows].toSorted((a, b) => compare(a[0], b[0]))]);
  }
}

function compare(left: unknown, right: unknown): number {
  return String(left).localeCompare(String(right), 'en', { numeric: true });
}

/** Folds the log in batches of these sizes; what is not needed is forgotten before each of them. */
function fold(book: LogBook, sizes: readonly number[]): Rows {
  const rows = new Rows();
  const all = emptyFolded();
  let position = 0;
  for (let turn = 0; position < book.commits.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const commits = book.commits.slice(position, position + size);
    const from = position;
    position += commits.length;
    const batch = parseBatch(commits);
    const folded = emptyFolded();
    for (const kind of KINDS) copy(all, folded, { kind, ids: neededIds(batch, kind) });
    foldBatch(folded, batch);
    rows.write(changedRows(folded, batch, from));
    for (const kind of KINDS) copy(folded, all, { kind, ids: new Set(folded[kind].keys()) });
  }
  return rows;
}

function copy(
  source: Folded,
  target: Folded,
  { kind, ids }: { readonly kind: (typeof KINDS)[number]; readonly ids: ReadonlySet<string> },
): void {
  const from: ReadonlyMap<string, unknown> = source[kind];
  const to: Map<string, unknown> = target[kind];
  for (const id of ids) if (from.has(id)) to.set(id, from.get(id));
}

/** A life with a new priority while it waits. */
function prioritised(name: string): readonly Step[] {
  const [enqueue, ...others] = lifeOf(name);
  const prioritise: Step = (book) =>
    book.write('session', sessionIdOf(name), { type: 'session-priority-changed', priority: 99 });
  return enqueue === undefined ? [] : [enqueue, prioritise, ...others];
}

const lives = [lifeOf('one'), lifeOf('two', { kernels: 3 }), prioritised('three'), furniture()];

const folding = suite('batch: folding');

folding('any split of the log into batches gives the same rows', () => {
  const splits = fc.property(
    fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 }),
    (choices, sizes) => {
      const book = interleaved(lives, choices);
      assert.equal(fold(book, sizes).sorted(), fold(book, [book.commits.length]).sorted());
    },
  );
  fc.assert(splits, { numRuns: 60 });
});

folding('a batch that is folded into states that hold it changes no row', () => {
  const book = interleaved(lives, []);
  const batch = parseBatch(book.commits);
  const folded = emptyFolded();
  foldBatch(folded, batch);
  assert.equal(
    changedRows(folded, batch, batch.sequence).map(({ table }) => table.name),
    [],
  );
});

folding('a first commit needs nothing that was there before, a later one needs its rows', () => {
  const book = new LogBook();
  for (const step of lifeOf('one')) step(book);
  assert.equal([...neededIds(parseBatch(book.commits), 'session')], []);
  assert.equal([...neededIds(parseBatch(book.commits), 'scheduling')], []);
  assert.equal([...neededIds(parseBatch(book.commits.slice(3)), 'session')], [sessionIdOf('one')]);
  assert.equal(
    [...neededIds(parseBatch(book.commits.slice(2)), 'scheduling')],
    [sessionIdOf('one')],
  );
});

const scheduling = suite('batch: the scheduler');

function schedulingAfter(steps: number) {
  const book = new LogBook();
  for (const step of lifeOf('one').slice(0, steps)) step(book);
  const folded = emptyFolded();
  foldBatch(folded, parseBatch(book.commits));
  return folded.scheduling.get(sessionIdOf('one'));
}

scheduling('a session that is held shows the reason', () => {
  const { queue } = schedulingAfter(2) ?? {};
  assert.ok(queue?.isWaiting);
  assert.is(queue?.reasonCode, 'not-enough-slots');
  assert.is(queue?.queuedAtMs, timeOf(2));
});

scheduling('a session that is placed has left the queue and occupies its node', () => {
  const { queue, allocations } = schedulingAfter(3) ?? {};
  assert.not(queue?.isWaiting);
  assert.is(queue?.reasonCode, null);
  assert.equal(
    allocations?.map(({ kernelId, agentId, isReleased }) => [kernelId, agentId, isReleased]),
    [[kernelIdOf('one'), NODE, false]],
  );
});

scheduling('what was released is free, and another attempt takes its place', () => {
  assert.ok(schedulingAfter(9)?.allocations.every(({ isReleased }) => isReleased));
  const book = new LogBook();
  for (const step of lifeOf('one')) step(book);
  const session = sessionIdOf('one');
  book.write('scheduler', 'main', queued('one', 2), {
    type: 'session-placed',
    session,
    attempt: 2,
    placements: [{ kernel: kernelIdOf('one'), node: 'node-b', slots: { cpu: '1' } }],
  });
  const folded = emptyFolded();
  foldBatch(folded, parseBatch(book.commits));
  assert.equal(
    folded.scheduling
      .get(session)
      ?.allocations.map(({ agentId, attempt, isReleased }) => [agentId, attempt, isReleased]),
    [
      [NODE, 1, true],
      ['node-b', 2, false],
    ],
  );
});

const others = suite('batch: nodes, images, users and key pairs');

others('each shows what its newest events say', () => {
  const book = new LogBook();
  for (const step of furniture()) step(book);
  const folded = emptyFolded();
  foldBatch(folded, parseBatch(book.commits));
  const node = folded.node.get(NODE);
  assert.is(node?.status, 'ALIVE');
  assert.is(node?.lostAtMs, null);
  assert.equal(node?.availableSlots, { cpu: '8', mem: '16384' });
  const image = folded.image.get(imageId(IMAGE));
  assert.is(image?.reference, IMAGE);
  assert.equal(image?.agentIds, []);
  assert.is(image?.sizeBytes, null);
  assert.is(folded.user.get(OWNER)?.passwordHash, '$scrypt$2');
  const user = folded.user.get(OWNER);
  assert.is(user?.revision, 5);
  assert.equal([user?.fullName, user?.status, user?.isActive], ['The Owner', 'deleted', false]);
  assert.equal(user?.projects, [{ projectId: 'optics', role: 'admin' }]);
  const keypair = folded.keypair.get(ACCESS_KEY);
  assert.equal([keypair?.sealedSecret, keypair?.isDeleted], ['sealed anew', true]);
  assert.is(folded.project.get('optics')?.isPurged, true);
  const registry = folded.registry.get(registryId('registry.example.test'));
  assert.equal(
    [registry?.url, registry?.username, registry?.project],
    ['http://a.test', 'puller', 'team'],
  );
  const scanned = folded.image.get(imageId('registry.example.test/team/python:3'));
  assert.equal(
    [scanned?.architectures, scanned?.labels, scanned?.sizeBytes],
    [['aarch64'], { a: 'b' }, 7],
  );
  assert.is(folded.image.get(imageId('python'))?.aliasOf, scanned?.reference);
  const preset = folded.preset.get(PRESET);
  assert.ok(preset?.isDeleted);
  assert.equal([preset?.slots['cpu'], preset?.sharedMemoryBytes], ['2', null]);
  assert.is(folded.group.get('gpu')?.policy?.ordering, 'lifo');
  assert.is(folded.limits.get(`user:${OWNER}`)?.limits, null);
  assert.equal(folded.limits.get('domain:default')?.limits, { total: { cpu: '1' } });
});

others('a lost node says since when, a node that left says why', () => {
  const book = new LogBook();
  const [register] = furniture();
  register?.(book);
  book.write('node', NODE, { type: 'node-lost', lastSeenAtMs: null });
  book.write('node', NODE, { type: 'node-terminated', reason: 'shutdown' });
  const folded = emptyFolded();
  foldBatch(folded, parseBatch(book.commits));
  assert.is(folded.node.get(NODE)?.lostAtMs, timeOf(2));
  assert.is(folded.node.get(NODE)?.statusInfo, 'shutdown');
});

others('an image that is registered again is known where it was found before', () => {
  const book = new LogBook();
  for (const step of furniture().slice(0, 3)) step(book);
  const id = imageId(IMAGE);
  book.write('image', id, { type: 'image-forgotten' });
  book.write('image', id, { type: 'image-registered', reference: IMAGE });
  const folded = emptyFolded();
  foldBatch(folded, parseBatch(book.commits));
  assert.not(folded.image.get(id)?.isForgotten);
  assert.equal(folded.image.get(id)?.agentIds, [NODE]);
  assert.equal(folded.image.get(id)?.architectures, ['x86_64']);
});

folding.run();
scheduling.run();
others.run();
