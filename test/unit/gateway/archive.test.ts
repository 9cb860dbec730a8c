import type { UserRole } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { may, type Operation } from '../../../gateway/auth/may.ts';
import { MemorySegments } from '../../contract/archive/memory-segments.ts';
import { startGateway } from './gateway-fixture.ts';

const fixture = await startGateway({ store: new MemorySegments() });
const bare = await startGateway();

const Run = z.object({
  run: z.object({ run: z.int(), requestedAt: z.string(), finishedAt: z.null() }),
  rejection: z.null(),
});

const LIST = '{ archive { isConfigured segmentCount run { run finishedAt } segments { name } } }';
const RUN = 'mutation { runArchive { run { run requestedAt finishedAt } rejection { code } } }';
const VERIFY = '{ verifyArchive { isWhole commits faults { kind segment } } }';

const archive = suite('gateway: the archive');
archive.after(async () => {
  await fixture[Symbol.asyncDispose]();
  await bare[Symbol.asyncDispose]();
});

archive('is listed, and a run of it can be asked for, once', async () => {
  const before = await fixture.graphql(LIST);
  const nothing = { isConfigured: true, segmentCount: 0, run: null, segments: [] };
  assert.equal(before.body.data?.['archive'], nothing);
  for (const _time of ['first', 'again']) {
    const { body } = await fixture.graphql(RUN);
    const { requestedAt, ...run } = Run.parse(body.data?.['runArchive']).run;
    assert.equal(run, { run: 1, finishedAt: null });
    assert.ok(Date.parse(requestedAt) > 0);
  }
  const { body } = await fixture.graphql(VERIFY);
  assert.equal(body.data?.['verifyArchive'], { isWhole: true, commits: 0, faults: [] });
});

archive('where none is configured that is said', async () => {
  const { body } = await bare.graphql(RUN);
  const refused = { run: null, rejection: { code: 'archive-not-configured' } };
  assert.equal(body.data?.['runArchive'], refused);
  const list = await bare.graphql(LIST);
  const nothing = { isConfigured: false, segmentCount: 0, run: { run: 1 }, segments: [] };
  assert.equal(list.body.data?.['archive'], { ...nothing, run: null });
});

archive('is a superadministrator’s to run, and a monitor’s to look at', async () => {
  const who = (role: UserRole) =>
    ({
      kind: 'user',
      userId: 'somebody',
      email: 'somebody@example.test',
      role,
      domain: 'default',
      projectId: 'default',
      projects: [],
      accessKey: undefined,
    }) as const;
  const allowed = (operation: Operation): readonly string[] =>
    (['superadmin', 'admin', 'user', 'monitor'] as const).filter((role) =>
      may(who(role), operation),
    );
  assert.equal(allowed('Mutation.runArchive'), ['superadmin']);
  assert.equal(allowed('Query.archive'), ['superadmin', 'monitor']);
  assert.equal(allowed('Query.verifyArchive'), ['superadmin', 'monitor']);
  for (const query of [LIST, RUN, VERIFY]) {
    const { body } = await fixture.graphql(query, {}, {});
    assert.ok(body.errors !== undefined && body.errors.length > 0, query);
  }
});

archive('takes no more than its limits', async () => {
  for (const query of [
    '{ archive(last: 0) { segmentCount } }',
    '{ archive(last: 5000) { segmentCount } }',
  ]) {
    const { body } = await fixture.graphql(query);
    assert.is(body.errors?.[0]?.extensions['code'], 'INPUT_INVALID', JSON.stringify(body));
  }
});

archive.run();
