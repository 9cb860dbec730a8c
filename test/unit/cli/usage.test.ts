import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { csvText } from '../../../gateway/cli/csv.ts';
import type { Quota, Usage } from '../../../gateway/client/usage-model.ts';
import { FakeGateway } from '../client/fake-gateway.ts';
import { FakeState } from '../client/fake-state.ts';
import { orrery, type Printed, Profile } from './command-line.ts';

const row: Usage = {
  day: '2026-11-20',
  userId: 'u1',
  userEmail: 'ann@example.test',
  projectId: 'p1',
  projectName: '=cmd, "x"',
  domain: null,
  resourceGroup: null,
  slot: 'cpu',
  slotSeconds: '5400.000125',
};
const quota: Quota = {
  scope: 'USER',
  key: 'u1',
  name: 'ann@example.test',
  slots: [
    { slot: 'cpu', occupied: '1.5', limit: '4', remaining: '2.5' },
    { slot: 'mem', occupied: '1073741824', limit: null, remaining: null },
  ],
  inGroups: [],
  sessions: 2,
  maxConcurrentSessions: null,
  pendingSessions: 1,
};

async function call(...argv: readonly string[]): Promise<Printed & { readonly asked: unknown }> {
  let asked: unknown;
  const operations = {
    usage: (given: object) => {
      asked = JSON.parse(JSON.stringify(given));
      return [row];
    },
    quotas: () => ({
      edges: [{ cursor: 'u1', node: quota }],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: 'u1', endCursor: 'u1' },
      totalCount: 1,
    }),
  };
  await using gateway = await FakeGateway.start(new FakeState(), { operations });
  await using profile = await Profile.write(gateway.endpoint);
  const env = { ORRERY_PROFILE: profile.path, COLUMNS: '100' };
  return { ...(await orrery(argv, { env, clock: systemClock })), asked };
}

const usage = suite('cli: usage and quotas');

usage('a report names its days and what it is told apart by', async () => {
  const { asked, stdout, stderr } = await call(
    ...['usage', '--from', '2026-11-01', '--to', '2026-11-20', '--by', 'group', '--by', 'user'],
    ...['--domain', 'physics'],
  );
  assert.equal(
    asked,
    {
      from: '2026-11-01',
      to: '2026-11-20',
      by: ['RESOURCE_GROUP', 'USER'],
      filter: { domain: 'physics' },
    },
    stderr,
  );
  assert.match(stdout, /^USER +GROUP +SLOT +HELD$/m);
  assert.match(stdout, /^ann@example\.test +cpu +1\.500 h$/m);
});

usage('as comma-separated values it is exact, and no name becomes a formula', async () => {
  const { stdout, stderr } = await call('usage', '--csv');
  assert.is(stderr, '');
  assert.is(
    stdout,
    'day,domain,project_id,project_name,user_id,user_email,resource_group,slot,slot_seconds\r\n' +
      `2026-11-20,,p1,"'=cmd, ""x""",u1,ann@example.test,,cpu,5400.000125\r\n`,
  );
  assert.is(csvText([{ a: 'x\ny' }], [{ name: 'a', value: ({ a }) => a }]), 'a\r\n"x\ny"\r\n');
});

usage('quotas show what is held, what may be, and what is left', async () => {
  const { stdout } = await call('quota');
  assert.match(stdout, /^ann@example\.test +cpu +1\.5 +4 +2\.5$/m);
  assert.match(stdout, /^ann@example\.test +mem +1 GiB +unlimited +unlimited$/m);
  const json = await call('quota', 'user', 'u1', '--json');
  assert.equal(JSON.parse(json.stdout), [quota]);
  const csv = await call('quota', '--csv');
  assert.match(csv.stdout, /^USER,u1,ann@example\.test,mem,1073741824,,\r$/m);
});

usage('words that are none, and owners that are not there, are told so', async () => {
  const scope = await call('quota', 'planet');
  assert.equal([scope.exitCode, /no scope/.test(scope.stderr)], [2, true]);
  const by = await call('usage', '--by', 'colour');
  assert.equal([by.exitCode, /told apart by/.test(by.stderr)], [2, true]);
  const absent = await call('quota', 'user', 'u2');
  assert.equal([absent.exitCode, /owner-unknown/.test(absent.stderr)], [3, true]);
  const both = await call('usage', '--csv', '--json');
  assert.is(both.exitCode, 2);
});

usage.run();
