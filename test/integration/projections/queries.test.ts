import { imageId } from '@orrery/bus';
import type { Page, SessionListing, SessionRow } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import {
  ACCESS_KEY,
  enqueued,
  furniture,
  IMAGE,
  kernelIdOf,
  LogBook,
  lifeOf,
  NODE,
  OWNER,
  PRESET,
  STRANGER,
  sessionIdOf,
  timeOf,
} from '../../unit/projections/log-book.ts';
import { Stage } from './stage.ts';

const ALL = { kind: 'all' } as const;
const AS_OWNER = { kind: 'user', userId: OWNER } as const;
const AS_STRANGER = { kind: 'user', userId: STRANGER } as const;

interface Context {
  postgres: TestPostgres;
  stage: Stage;
  book: LogBook;
}

/** `life-N`: a session of the owner after N steps of its life; `other`: a running one of a stranger. */
const querying = suite<Context>('projections: what is read');

querying.before(async (context) => {
  context.postgres = await startPostgres();
  context.stage = new Stage(context.postgres.url);
  const book = new LogBook();
  for (const step of furniture().slice(0, 5)) step(book);
  for (let steps = 1; steps <= 9; steps += 1)
    for (const step of lifeOf(`life-${steps}`, { kernels: 2 }).slice(0, steps)) step(book);
  for (const step of lifeOf('other', { owner: STRANGER }).slice(0, 6)) step(book);
  await context.stage.take(book.commits);
  context.book = book;
});
querying.after(async ({ stage, postgres }) => {
  await stage[Symbol.asyncDispose]();
  await postgres.stop();
});

async function list(
  stage: Stage,
  listing: Partial<SessionListing> = {},
): Promise<Page<SessionRow>> {
  const listed = await stage.projections.listSessions({ first: 100, visibility: ALL, ...listing });
  if (!listed.ok) throw new Error(listed.error.message);
  return listed.value;
}

function namesOf(page: Page<SessionRow>): readonly string[] {
  return page.edges.map(({ row }) => row.name);
}

querying(
  'someone else’s session is not found, listed, counted or shown in the past',
  async ({ stage }) => {
    const { projections } = stage;
    const id = sessionIdOf('other');
    assert.is((await projections.findSession(id, ALL))?.name, 'other');
    assert.is((await projections.findSession(id, AS_STRANGER))?.name, 'other');
    assert.is(await projections.findSession(id, AS_OWNER), undefined);
    assert.equal(await projections.sessionsByIds([id, sessionIdOf('none')], AS_OWNER), []);
    assert.is(await projections.sessionAt(id, timeOf(1_000), AS_OWNER), undefined);
    assert.is((await list(stage, { visibility: AS_OWNER })).totalCount, 9);
    assert.equal(namesOf(await list(stage, { visibility: AS_STRANGER })), ['other']);
    const status = await projections.clusterStatus(AS_STRANGER);
    assert.equal(status.sessionsByStatus, { RUNNING: 1 });
    const entries = await projections.auditEntries({ first: 100, visibility: AS_STRANGER });
    assert.ok(entries.ok);
    assert.is(entries.value.totalCount, 4);
  },
);

querying(
  'a session that waits says why, one that does not says nothing of it',
  async ({ stage }) => {
    const held = await stage.projections.findSession(sessionIdOf('life-2'), ALL);
    assert.equal(
      [held?.status, held?.statusInfo, held?.statusMessage],
      ['PENDING', 'not-enough-slots', 'No node has 0.5 cpu.'],
    );
    const placed = await stage.projections.findSession(sessionIdOf('life-3'), ALL);
    assert.equal([placed?.status, placed?.statusInfo], ['PENDING', null]);
  },
);

querying('filters take what they say', async ({ stage }) => {
  const named = async (filter: SessionListing['filter']) =>
    namesOf(await list(stage, { filter, order: { field: 'name', direction: 'ascending' } }));
  assert.equal(await named({ statuses: ['CREATING', 'TERMINATING'] }), ['life-5', 'life-7']);
  assert.equal(await named({ statuses: [] }), []);
  assert.equal(await named({ isLive: false }), ['life-8', 'life-9']);
  assert.is((await named({ isLive: true })).length, 8);
  assert.equal(await named({ name: 'life-1' }), ['life-1']);
  assert.equal(await named({ name: 'life' }), []);
  assert.equal(await named({ nameContains: 'FE-3' }), ['life-3']);
  assert.equal(await named({ nameContains: '%' }), []);
  assert.equal(await named({ ownerUserId: STRANGER, sessionTypes: ['interactive'] }), ['other']);
  assert.equal(await named({ sessionTypes: ['batch'] }), []);
  assert.equal(await named({ projectId: 'none' }), []);
  assert.equal(await named({ name: 'nul\0' }), []);
});

querying(
  'every order gives every session once, forwards and backwards, page by page',
  async ({ stage }) => {
    for (const field of ['created-at', 'name', 'status', 'terminated-at'] as const) {
      const names: Record<string, readonly string[]> = {};
      for (const direction of ['ascending', 'descending'] as const) {
        const seen: string[] = [];
        let after: string | undefined;
        for (let page = 0; page < 20; page += 1) {
          const { edges, hasNextPage, totalCount } = await list(stage, {
            first: 3,
            after,
            order: { field, direction },
          });
          assert.is(totalCount, 10);
          seen.push(...edges.map(({ row }) => row.name));
          after = edges.at(-1)?.cursor;
          if (!hasNextPage) break;
        }
        names[direction] = seen;
      }
      assert.is(new Set(names['ascending']).size, 10, field);
      assert.equal(names['ascending'], names['descending']?.toReversed(), field);
    }
  },
);

querying(
  'pages have no doubles and no gaps while sessions are added between them',
  async ({ stage }) => {
    const seen: string[] = [];
    let after: string | undefined;
    for (let page = 0; ; page += 1) {
      const { edges, hasNextPage } = await list(stage, { first: 2, after });
      seen.push(...edges.map(({ row }) => row.name));
      if (!hasNextPage) break;
      after = edges.at(-1)?.cursor;
      const book = new LogBook(`between-${page}`);
      const later = book.write('session', sessionIdOf(`new-${page}`), enqueued(`new-${page}`));
      await stage.take([{ ...later, recordedAtMs: timeOf(10_000 + page) }]);
    }
    const expected = ['other', ...Array.from({ length: 9 }, (_, index) => `life-${9 - index}`)];
    assert.equal(seen, expected);
  },
);

querying(
  'a cursor of another order and a page of no rows are refused by name',
  async ({ stage }) => {
    const { edges } = await list(stage, { first: 1 });
    const order = { field: 'name', direction: 'ascending' } as const;
    const after = edges[0]?.cursor;
    const { projections } = stage;
    const refusals = [
      await projections.listSessions({ first: 1, after, order, visibility: ALL }),
      await projections.listSessions({ first: 0, visibility: ALL }),
      await projections.listNodes({ first: 1, after }),
      await projections.listImages({ first: 1_001 }),
      await projections.auditEntries({ first: 1, after: 'x', visibility: ALL }),
    ];
    assert.equal(
      refusals.map((refusal) =>
        refusal.ok ? undefined : [refusal.error.code, refusal.error.field],
      ),
      [
        ['cursor-invalid', 'after'],
        ['page-size-invalid', 'first'],
        ['cursor-invalid', 'after'],
        ['page-size-invalid', 'first'],
        ['cursor-invalid', 'after'],
      ],
    );
  },
);

querying('kernels come with their session, by rank', async ({ stage }) => {
  const ids = [sessionIdOf('life-6'), sessionIdOf('none')];
  const kernels = await stage.projections.kernelsOfSessions(ids);
  assert.equal(
    kernels.map(({ id, status, agentId, trouble }) => [id, status, agentId, trouble]),
    [
      [kernelIdOf('life-6', 0), 'RUNNING', NODE, null],
      [kernelIdOf('life-6', 1), 'RUNNING', NODE, 'it goes on'],
    ],
  );
});

querying(
  'an agent shows what is given away on it and how many kernels live there',
  async ({ stage }) => {
    const listed = await stage.projections.listNodes({ first: 10 });
    assert.ok(listed.ok);
    const [edge] = listed.value.edges;
    // Placed and not released: life-3 to life-8 with two kernels each, and the one of the stranger.
    assert.equal(edge?.row.occupiedSlots, { cpu: '6.5', mem: String(13 * 1024) });
    assert.is(edge?.row.liveKernels, 9);
    // One kernel that will not end keeps no session away.
    assert.equal([edge?.row.troubles.length, edge?.row.isTroubled], [1, false]);
    assert.is(listed.value.hasNextPage, false);
    const totals = await stage.projections.clusterStatus(ALL);
    assert.equal(totals.agentsByStatus, { ALIVE: 1 });
    assert.equal(totals.availableSlots, { cpu: '8', mem: '16384' });
    assert.equal(totals.occupiedSlots, edge?.row.occupiedSlots);
    assert.is(totals.projectedSequence, stage.writer.lastSequence);
    assert.is(await stage.projections.checkpoint(), stage.writer.lastSequence);
  },
);

querying('images, users and key pairs are found by what people know of them', async ({ stage }) => {
  const { projections } = stage;
  assert.is((await projections.findImage(IMAGE))?.id, imageId(IMAGE));
  assert.is(await projections.findImage('none'), undefined);
  const images = await projections.listImages({ first: 5 });
  assert.ok(images.ok);
  assert.equal(
    images.value.edges.map(({ row }) => [row.reference, row.agentIds, row.sizeBytes]),
    [[IMAGE, [NODE], 7]],
  );
  assert.is((await projections.findUser(OWNER))?.passwordHash, '$scrypt$1');
  assert.is((await projections.findUserByEmail('OWNER@example.org'))?.id, OWNER);
  assert.is(await projections.findUserByEmail('owner@example.or'), undefined);
  assert.is((await projections.usersByIds([OWNER, STRANGER])).length, 1);
  assert.is((await projections.findKeypair(ACCESS_KEY))?.sealedSecret, 'sealed');
  assert.is(await projections.findKeypair('AKIA\0'), undefined);
});

querying(
  'the audit log is paged in the order of the log and narrowed to one entity',
  async ({ stage, book }) => {
    const { projections } = stage;
    const first = await projections.auditEntries({ first: 20, visibility: ALL });
    assert.ok(first.ok);
    const after = first.value.edges.at(-1)?.cursor;
    const second = await projections.auditEntries({ first: 5, after, visibility: ALL });
    assert.ok(second.ok);
    assert.equal(
      second.value.edges.map(({ row }) => row.sequence),
      [21, 22, 23, 24, 25],
    );
    const own = await projections.auditEntries({
      first: 50,
      visibility: ALL,
      aggregate: 'session',
      aggregateId: sessionIdOf('life-9'),
    });
    assert.ok(own.ok);
    const written = book.commits.filter(({ aggregateId }) => aggregateId === sessionIdOf('life-9'));
    assert.equal(
      own.value.edges.map(({ row }) => row.events),
      written.map(({ events }) => events),
    );
    assert.is(own.value.totalCount, written.length);
  },
);

querying('a session is shown as it was at any time of its life', async ({ stage, book }) => {
  const id = sessionIdOf('life-9');
  const own = book.commits.filter(({ aggregateId }) => aggregateId === id);
  const at = async (timeMs: number) => await stage.projections.sessionAt(id, timeMs, ALL);
  const [first] = own;
  assert.ok(first);
  assert.is(await at(first.recordedAtMs - 1), undefined);
  const statuses: (string | undefined)[] = [];
  for (const { recordedAtMs } of own) {
    const then = await at(recordedAtMs);
    assert.equal((await at(recordedAtMs + 999))?.session, then?.session);
    statuses.push(then?.session.status);
  }
  assert.equal(statuses, [
    'PENDING',
    'PREPARING',
    'CREATING',
    'RUNNING',
    'TERMINATING',
    'TERMINATED',
  ]);
  const now = await stage.projections.findSession(id, ALL);
  assert.equal((await at(Number.MAX_VALUE))?.session, { ...now, sequence: now?.sequence });
});

querying('a clock that went back leaves no hole in the past', async ({ stage }) => {
  const book = new LogBook('clock');
  const commits = [];
  for (const step of lifeOf('clock').slice(0, 6)) step(book);
  for (const commit of book.commits.filter(({ aggregate }) => aggregate === 'session'))
    commits.push({
      ...commit,
      recordedAtMs: timeOf(commits.length === 1 ? 500 : 100 + commits.length),
    });
  await stage.take(commits);
  const then = await stage.projections.sessionAt(sessionIdOf('clock'), timeOf(200), ALL);
  assert.is(then?.session.status, 'PENDING');
  const later = await stage.projections.sessionAt(sessionIdOf('clock'), timeOf(500), ALL);
  assert.is(later?.session.status, 'RUNNING');
});

querying('the cluster at a time has what each session held then', async ({ stage, book }) => {
  const { projections } = stage;
  const placed = book.commits.filter(({ events }) => events[0]?.type === 'session-placed');
  const released = book.commits.filter(({ events }) => events[0]?.type === 'allocation-released');
  for (const { sequence } of book.commits) {
    const moment = await projections.clusterAt(timeOf(sequence), ALL);
    const held = (commits: readonly { readonly sequence: number }[]): number =>
      commits.filter((commit) => commit.sequence <= sequence).length;
    const sessions = new Set(moment.allocations.map(({ sessionId }) => sessionId));
    assert.is(sessions.size, held(placed) - held(released), `at ${sequence}`);
  }
  const now = await projections.clusterAt(timeOf(100_000_000), ALL);
  const status = await projections.clusterStatus(ALL);
  assert.equal(now.sessionsByStatus, status.sessionsByStatus);
  assert.equal(now.nodes[0]?.occupiedSlots, status.occupiedSlots);
  const strangers = await projections.clusterAt(timeOf(100_000_000), AS_STRANGER);
  assert.equal(strangers.sessionsByStatus, { RUNNING: 1 });
  assert.equal(
    [...new Set(strangers.allocations.map(({ sessionId }) => sessionId))],
    [sessionIdOf('other')],
  );
  assert.equal(strangers.nodes[0]?.occupiedSlots, status.occupiedSlots);
  assert.equal(await projections.clusterAt(timeOf(0), ALL), {
    sequence: 0,
    sessionsByStatus: {},
    nodes: [],
    allocations: [],
  });
});

querying('the witness gives every commit of a part of the log', async ({ stage, book }) => {
  const range = { afterSequence: 3, upToSequence: 20 };
  const pages = [];
  for await (const page of stage.projections.witnesses(range)) pages.push(...page);
  assert.equal(
    pages.map(({ sequence, aggregate, aggregateId, firstRevision }) => [
      sequence,
      aggregate,
      aggregateId,
      firstRevision,
    ]),
    book.commits
      .slice(3, 20)
      .map(({ sequence, aggregate, aggregateId, firstRevision }) => [
        sequence,
        aggregate,
        aggregateId,
        firstRevision,
      ]),
  );
});

querying('presets, resource groups and limits, with what is there and held', async ({ stage }) => {
  const { projections } = stage;
  assert.equal(await projections.knownSlots(), ['cpu', 'mem']);
  const book = new LogBook('administration');
  book.write('preset', PRESET, {
    type: 'preset-created',
    name: 'small',
    resourceGroup: 'gpu',
    slots: { cpu: '1', mem: '1024' },
  });
  const [preset] = book.commits;
  assert.ok(preset);
  await stage.take([{ ...preset, firstRevision: 1 }]);
  const [listed] = await projections.listPresets({ limit: 10 });
  assert.equal([listed?.name, listed?.resourceGroup], ['small', 'gpu']);
  assert.is((await projections.findPreset(PRESET))?.slots['mem'], '1024');
  const groups = await projections.listResourceGroups({ always: 'always' });
  assert.equal(
    groups.map(({ name, agents, policy }) => [name, agents, policy]),
    [
      ['always', 0, null],
      ['default', 1, null],
    ],
  );
  const [, group] = groups;
  assert.equal(group?.availableSlots, { cpu: '8', mem: '16384' });
  const [room] = await projections.roomOfGroup('default');
  assert.equal(room?.available, { cpu: '8', mem: '16384' });
  assert.equal(room?.occupied, group?.occupiedSlots);
  const held = await projections.heldBy({ scope: 'user', key: OWNER });
  const others = await projections.heldBy({ scope: 'user', key: STRANGER });
  const all = await projections.heldBy({ scope: 'domain', key: 'default' });
  assert.is(all.sessions, held.sessions + others.sessions);
  assert.is(others.sessions, 1);
  assert.equal(others.slots, { cpu: '0.5', mem: '1024' });
  assert.is((await projections.heldBy({ scope: 'keypair', key: 'nobody' })).sessions, 0);
  assert.is(await projections.findLimits({ scope: 'user', key: OWNER }), undefined);
  assert.equal(await projections.groupRules(), []);
});

querying.run();
