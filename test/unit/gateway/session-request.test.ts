import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedInCaller } from '../../../gateway/auth/may.ts';
import type { CreateSessionInput } from '../../../gateway/graphql/sessions/create-session-input.ts';
import { parseResources } from '../../../gateway/graphql/sessions/resources.ts';
import { parseSessionRequest } from '../../../gateway/graphql/sessions/session-request.ts';

const caller: SignedInCaller = {
  kind: 'user',
  userId: '0190b0c8-0000-7000-8000-000000000001',
  email: 'me@example.test',
  role: 'user',
  domain: 'default',
  projectId: 'default',
  projects: [],
  accessKey: undefined,
};
const sessionId = '0190b0c8-0000-7000-8000-0000000000aa';
const input: CreateSessionInput = {
  type: 'INTERACTIVE',
  cpu: '1',
  memory: '1g',
  priority: 10,
  resourceGroup: 'default',
};

function parse(changes: Partial<CreateSessionInput>) {
  return parseSessionRequest({ ...input, ...changes }, caller, sessionId);
}

function refusal(changes: Partial<CreateSessionInput>): string {
  const parsed = parse(changes);
  return parsed.ok ? 'accepted' : `${parsed.error.code} ${parsed.error.field}`;
}

const asking = suite('session request: what is left out');

asking('has its default, and the same input gives the same request', () => {
  const first = parse({});
  const second = parse({});
  assert.ok(first.ok && second.ok);
  if (!first.ok || !second.ok) return;
  const request = first.value('python:3');
  assert.equal(request, second.value('python:3'));
  assert.is(request.name, 'session-000000aa');
  assert.is(request.resourceGroup, 'default');
  assert.equal(request.kernels.length, 1);
  assert.equal(request.kernels[0]?.slots, { cpu: '1', mem: '1073741824' });
  assert.equal(request.kernels[0]?.hostname, 'main1');
});

asking('the environment is put in one order, so that a repeat is recognised', () => {
  const first = parse({ environ: { B: '2', A: '1' } });
  const second = parse({ environ: { A: '1', B: '2' } });
  assert.ok(first.ok && second.ok);
  if (!first.ok || !second.ok) return;
  assert.is(JSON.stringify(first.value('i')), JSON.stringify(second.value('i')));
});

asking('a cluster is main1 and then sub1, sub2, …, each with what was asked for', () => {
  const parsed = parse({ clusterSize: 3, clusterMode: 'MULTI_NODE', cpu: '2' });
  assert.ok(parsed.ok);
  if (!parsed.ok) return;
  const { clusterMode, kernels } = parsed.value('python:3');
  assert.is(clusterMode, 'multi-node');
  assert.equal(
    kernels.map(({ role, index, localRank, hostname, slots }) => [
      ...[role, index, localRank, hostname, slots['cpu']],
    ]),
    [
      ['main', 1, 0, 'main1', '2'],
      ['sub', 1, 1, 'sub1', '2'],
      ['sub', 2, 2, 'sub2', '2'],
    ],
  );
  assert.is(new Set(kernels.map(({ id }) => id)).size, 3);
});

asking.run();

const refused = suite('session request: refusals');

const cases: readonly (readonly [string, Partial<CreateSessionInput>, string])[] = [
  ['a cluster of 0 kernels', { clusterSize: 0 }, 'cluster-size-invalid clusterSize'],
  ['a cluster of 257 kernels', { clusterSize: 257 }, 'cluster-size-invalid clusterSize'],
  ['a cluster of 256 kernels', { clusterSize: 256 }, 'accepted'],
  ['a name of 300 characters', { name: 'n'.repeat(300) }, 'name-invalid name'],
  ['a name of 3 characters', { name: 'abc' }, 'name-invalid name'],
  ['a name of 4 characters', { name: 'abcd' }, 'accepted'],
  ['a name of 64 characters', { name: 'n'.repeat(64) }, 'accepted'],
  ['a name of 65 characters', { name: 'n'.repeat(65) }, 'name-invalid name'],
  ['a name in another script', { name: 'имя-сессии' }, 'name-invalid name'],
  ['a name with a line end', { name: 'abcd\n' }, 'name-invalid name'],
  ['a name that ends in a dot', { name: 'abcd.' }, 'name-invalid name'],
  ['a tag of 65 characters', { tag: 't'.repeat(65) }, 'tag-invalid tag'],
  ['an empty idempotency key', { idempotencyKey: '' }, 'idempotency-key-invalid idempotencyKey'],
  [
    'a long idempotency key',
    { idempotencyKey: 'k'.repeat(129) },
    'idempotency-key-invalid idempotencyKey',
  ],
  ['a batch session without a command', { type: 'BATCH' }, 'command-required command'],
  ['a batch session with an empty one', { type: 'BATCH', command: [] }, 'command-required command'],
  [
    'a batch session with NUL in it',
    { type: 'BATCH', command: ['a\0'] },
    'command-invalid command',
  ],
  ['an interactive session with a command', { command: ['sh'] }, 'command-unexpected command'],
  [
    'an interactive session with a limit',
    { batchTimeoutSeconds: 5 },
    'batch-timeout-invalid batchTimeoutSeconds',
  ],
  [
    'a limit of no time',
    { type: 'BATCH', command: ['a'], batchTimeoutSeconds: 0 },
    'batch-timeout-invalid batchTimeoutSeconds',
  ],
  ['a port below 1024', { preopenPorts: [80] }, 'preopen-ports-invalid preopenPorts'],
  ['a port twice', { preopenPorts: [8000, 8000] }, 'preopen-ports-invalid preopenPorts'],
  ['a priority over 100', { priority: 101 }, 'priority-invalid priority'],
  ['a priority below 0', { priority: -1 }, 'priority-invalid priority'],
  ['a strange resource group', { resourceGroup: 'a b' }, 'resource-group-invalid resourceGroup'],
  ['an environment that is a list', { environ: [] }, 'environ-invalid environ'],
  ['an environment with a number', { environ: { A: 1 } }, 'environ-invalid environ'],
  ['an environment with a strange name', { environ: { 'A-B': '1' } }, 'environ-invalid environ'],
  [
    'an environment with a huge value',
    { environ: { A: 'x'.repeat(40_000) } },
    'environ-invalid environ',
  ],
];
for (const [what, changes, expected] of cases) {
  refused(`${what} is ${expected}`, () => {
    assert.is(refusal(changes), expected);
  });
}

refused.run();

const resources = suite('resources: amounts');

function slots(cpu: string, memory: string, others?: Record<string, string>): unknown {
  const parsed = parseResources({ cpu, memory, slots: others });
  return parsed.ok ? parsed.value : parsed.error.field;
}

resources('are written in one way', () => {
  assert.equal(slots('0.5', '512m'), { cpu: '0.5', mem: '536870912' });
  assert.equal(slots('01.500', '1.5g'), { cpu: '1.5', mem: '1610612736' });
  assert.equal(slots('4096', '64t'), { cpu: '4096', mem: '70368744177664' });
  assert.equal(slots('1', '4m', { 'cuda.device': '1' }), {
    cpu: '1',
    mem: '4194304',
    'cuda.device': '1',
  });
});

resources('that are none, too small or absurd are refused by their name', () => {
  for (const cpu of ['0', '0.0', '-1', '1e9', '4096.001', '100000', '0.0001', 'many', '', ' 1'])
    assert.is(slots(cpu, '1g'), 'cpu', cpu);
  for (const memory of ['0', '-1g', '4095k', '65t', '999999t', 'plenty', '', '1e9'])
    assert.is(slots('1', memory), 'memory', memory);
  const strange: readonly Record<string, string>[] = [
    { mem: '1' },
    { cpu: '1' },
    { 'cuda.device': '0' },
    { 'cuda.device': '2000000' },
    { 'Not a slot': '1' },
  ];
  for (const others of strange)
    assert.is(slots('1', '1g', others), 'slots', JSON.stringify(others));
});

resources.run();
