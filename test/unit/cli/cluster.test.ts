import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { wordStatus } from '../../../gateway/cli/commands/agents.ts';
import type { Agent } from '../../../gateway/client/model.ts';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState, fakeSession, image, page, SESSION_ID, user } from '../client/fake-state.ts';
import { orrery, type Printed, Profile, type Surroundings } from './command-line.ts';

const clock = {
  nowMs: () => Date.parse('2026-11-20T12:05:00.000Z'),
  sleep: systemClock.sleep,
};

type Call = (argv: readonly string[], around?: Surroundings) => Promise<Printed>;

async function against(
  script: Script,
  work: (
    call: Call,
    parts: { readonly state: FakeState; readonly profile: Profile },
  ) => Promise<void>,
): Promise<void> {
  const state = new FakeState();
  await using gateway = await FakeGateway.start(state, script);
  await using profile = await Profile.write(gateway.endpoint);
  const call: Call = (argv, around) =>
    orrery(argv, { env: { ORRERY_PROFILE: profile.path }, clock, ...around });
  await work(call, { state, profile });
}

const cluster = suite('cli: cluster');

cluster('agents are listed with what they hold', async () => {
  await against({}, async (call) => {
    const { stdout } = await call(['agent', 'ls']);
    assert.equal(stdout.split('\n'), [
      'ID     STATUS  DRIVER  KERNELS  IN USE                    GROUP    ARCHITECTURE',
      'local  ALIVE   docker        1  cpu 1/4, mem 1 GiB/8 GiB  default  x86_64',
      '',
    ]);
  });
});

cluster('what is wrong on an agent is said beside its status', () => {
  const trouble = { message: 'so it is', since: '2026-11-20T12:00:00.000Z', kernelId: null };
  const silent = { ...trouble, code: 'ENGINE_SILENT' } as const;
  const stuck = { ...trouble, code: 'KERNEL_WILL_NOT_END' } as const;
  const status = (isSchedulable: boolean, troubles: Agent['troubles']): string =>
    wordStatus({ status: 'ALIVE', isSchedulable, troubles });
  assert.is(status(false, [silent]), 'ALIVE, paused: engine-silent');
  assert.is(status(true, [stuck, stuck]), 'ALIVE: kernel-will-not-end');
  assert.is(status(false, []), 'ALIVE, paused');
});

cluster('the devices of agents are listed with the sessions that hold them', async () => {
  const device = {
    slot: 'cuda.device',
    amount: '1',
    model: 'H100',
    memoryBytes: 1024 ** 3,
    numaNode: 0,
    isolation: 'EXCLUSIVE',
  };
  const holder = { sessionId: 's', sessionName: 'quiet-owl', kernelId: 'k', amount: '1' };
  const shared = { ...device, slot: 'cuda.shares', amount: '10', isolation: 'MPS', numaNode: null };
  const devices = [
    { ...device, id: 'GPU-1', used: '1', holders: [holder] },
    { ...device, id: 'GPU-2', used: '0', holders: [] },
    { ...device, id: 'GPU-3', used: '1', holders: [] },
    { ...shared, id: 'GPU-4', used: '2.5', holders: [{ ...holder, amount: '0.5' }] },
  ];
  const nodes = [{ id: 'gpu-node', devices }];
  const operations = { agents: () => page(nodes) };
  await against({ operations }, async (call) => {
    const { stdout, stderr } = await call(['agent', 'devices', 'gpu-node']);
    assert.is(stderr, '');
    assert.equal(stdout.split('\n'), [
      'AGENT     DEVICE  SLOT           USED  SESSIONS         MODEL  MEMORY  NUMA',
      'gpu-node  GPU-1   cuda.device     1/1  quiet-owl        H100    1 GiB     0',
      'gpu-node  GPU-2   cuda.device     0/1  -                H100    1 GiB     0',
      "gpu-node  GPU-3   cuda.device     1/1  (others')        H100    1 GiB     0",
      'gpu-node  GPU-4   cuda.shares  2.5/10  quiet-owl (0.5)  H100    1 GiB     -',
      '',
    ]);
    const json = await call(['agent', 'devices', '--json']);
    assert.equal(JSON.parse(json.stdout), nodes);
    assert.match((await call(['agent', 'devices', 'nobody'])).stderr, /there is no agent nobody/);
  });
});

cluster('images are listed and added', async () => {
  const references: unknown[] = [];
  const operations = {
    registerImage: ({ input }: Record<string, unknown>) => {
      references.push(input);
      return { image, rejection: null };
    },
  };
  await against({ operations }, async (call) => {
    assert.match((await call(['image', 'ls'])).stdout, /^python:3\.13 +yes +150 MiB +local/m);
    assert.is((await call(['image', 'add', 'python:3.13'])).stdout, 'python:3.13\n');
    assert.equal(references, [{ reference: 'python:3.13' }]);
  });
});

const entry = {
  id: 'c1',
  sequence: 12,
  entity: 'session',
  entityId: SESSION_ID,
  firstRevision: 1,
  recordedAt: '2026-11-20T12:00:00.000Z',
  actor: 'user:admin@orrery.test',
  commandId: 'k1',
  commandType: 'enqueue',
  traceId: null,
  hash: 'h',
  previousHash: '',
  events: [{ type: 'session-enqueued' }],
};

cluster('the audit log is asked for by the name of a session', async () => {
  const asked: unknown[] = [];
  const operations = {
    auditLog: (given: Record<string, unknown>) => {
      asked.push(given['entity']);
      return page([entry]);
    },
  };
  await against({ operations }, async (call, { state }) => {
    state.add(fakeSession());
    const named = await call(['audit', 'show', 'quiet-owl', '--json']);
    assert.equal(JSON.parse(named.stdout), entry);
    await call(['audit', 'show', 'node:local']);
    await call(['audit', 'show', `session:${SESSION_ID}`]);
    const whole = await call(['audit', 'show']);
    assert.match(whole.stdout, /session:0190b0c8… .*enqueue .*session-enqueued\n/);
    assert.equal(asked, [
      `session:${SESSION_ID}`,
      'node:local',
      `session:${SESSION_ID}`,
      undefined,
    ]);
  });
});

cluster('pages of the audit log are fetched up to the limit', async () => {
  const asked: unknown[] = [];
  const operations = {
    auditLog: ({ first, after }: Record<string, unknown>) => {
      asked.push([first, after]);
      const nodes = Array.from({ length: Number(first) }, () => entry);
      const { pageInfo } = page(nodes);
      return { ...page(nodes), pageInfo: { ...pageInfo, hasNextPage: true } };
    },
  };
  await against({ operations }, async (call) => {
    const printed = await call(['audit', 'show', '--limit', '120', '--json', '--after', '7']);
    assert.is(printed.stdout.trim().split('\n').length, 120);
    assert.equal(asked, [
      [100, '7'],
      [20, '99'],
    ]);
    assert.match(printed.stderr, /go on with --after 19\n/);
  });
});

cluster('a session is shown as it was at a time', async () => {
  const times: unknown[] = [];
  const operations = {
    sessionAt: ({ time }: Record<string, unknown>) => {
      times.push(time);
      return time === '2026-11-20T11:05:00.000Z' ? null : fakeSession({ status: 'SCHEDULED' });
    },
  };
  await against({ operations }, async (call, { state }) => {
    state.add(fakeSession());
    const then = await call(['audit', 'at', 'quiet-owl', '2026-11-20T12:00:00.500Z']);
    assert.match(then.stdout, /^Status +SCHEDULED$/m);
    const before = await call(['audit', 'at', 'quiet-owl', '1h']);
    assert.is(before.exitCode, 3);
    assert.match(before.stderr, /did not exist yet/);
    assert.is((await call(['audit', 'at', 'quiet-owl', 'noon'])).exitCode, 2);
    assert.equal(times, ['2026-11-20T12:00:00.500Z', '2026-11-20T11:05:00.000Z']);
  });
});

const report = { sequence: 9, events: 20, isEqual: true, differences: [], durationMs: 1_234 };

cluster('projections that differ are a failure that names the tables', async () => {
  const differences = [
    { table: 'sessions', missing: 1, unexpected: 0, changed: 2 },
    { table: 'kernels', missing: 0, unexpected: 0, changed: 0 },
  ];
  const operations = {
    verifyProjections: () => ({ ...report, isEqual: false, differences }),
    rebuildProjections: () => report,
  };
  await against({ operations }, async (call) => {
    const verified = await call(['projections', 'verify']);
    assert.is(verified.exitCode, 1);
    assert.match(verified.stdout, /^sessions +1 +0 +2$/m);
    assert.not.match(verified.stdout, /kernels/);
    assert.equal(await call(['projections', 'rebuild']), {
      exitCode: 0,
      stdout: 'Equal: 20 events up to 9, in 1.2 s.\n',
      stderr: '',
    });
  });
});

cluster('the status says how far the projections are', async () => {
  const operations = {
    status: () => ({
      version: '0.1.0',
      sessionsByStatus: { RUNNING: 2, ERROR: 0 },
      agentsByStatus: { ALIVE: 1 },
      availableSlots: { cpu: '4', mem: '8589934592' },
      occupiedSlots: { cpu: '1.5' },
      logSequence: 120,
      projectedSequence: 118,
      startedAt: '2026-11-20T12:00:00.000Z',
    }),
  };
  await against({ operations }, async (call) => {
    const { stdout } = await call(['status']);
    assert.match(stdout, /^Sessions +2 RUNNING$/m);
    assert.match(stdout, /^Slots cpu +1\.5 of 4 in use$/m);
    assert.match(stdout, /^Slots mem +0 B of 8 GiB in use$/m);
    assert.match(stdout, /^Projections +2 commits behind$/m);
  });
});

cluster.run();

const signIn = (): unknown => ({
  token: 'tok',
  expiresAt: '2099-01-01T00:00:00.000Z',
  user,
  rejection: null,
});

const signingIn = suite('cli: signing in');

signingIn('a password on standard input gives the token', async () => {
  const given: unknown[] = [];
  const operations = {
    signIn: (credentials: Record<string, unknown>) => {
      given.push({ ...credentials });
      return signIn();
    },
  };
  await against({ operations }, async (call) => {
    const argv = ['login', '--email', 'a@b.c', '--password-stdin'];
    assert.is((await call(argv, { stdin: 'secret word\n' })).stdout, 'tok\n');
    assert.equal(given, [{ email: 'a@b.c', password: 'secret word' }]);
  });
});

signingIn('a saved token is a profile that only its owner can read', async () => {
  await against({ operations: { signIn } }, async (call, { profile }) => {
    const path = join(profile.directory, 'new', 'mine.json');
    const argv = ['login', '--email', 'a@b.c', '--password-stdin', '--save', path];
    const printed = await call(argv, { stdin: 'secret' });
    assert.equal([printed.exitCode, printed.stdout], [0, '']);
    assert.is((await stat(path)).mode & 0o777, 0o600);
    assert.is(JSON.parse(await readFile(path, 'utf8')).token, 'tok');
  });
});

signingIn('a profile with a key pair is not written over', async () => {
  await against({ operations: { signIn } }, async (call, { profile }) => {
    const argv = ['login', '--email', 'a@b.c', '--password-stdin', '--save', profile.path];
    const printed = await call(argv, { stdin: 'secret' });
    assert.is(printed.exitCode, 4);
    assert.match(printed.stderr, /holds a key pair/);
    assert.match(await readFile(profile.path, 'utf8'), /secretKey/);
  });
});

signingIn('a wrong password is refused', async () => {
  const rejection = { code: 'CREDENTIALS_WRONG', message: 'E-mail or password is wrong.' };
  const operations = { signIn: () => ({ rejection }) };
  await against({ operations }, async (call) => {
    const argv = ['login', '--email', 'a@b.c', '--password-stdin'];
    const printed = await call(argv, { stdin: 'secret' });
    assert.is(printed.exitCode, 4);
    assert.is(printed.stderr, 'orrery: E-mail or password is wrong (CREDENTIALS_WRONG)\n');
  });
});

signingIn('without a terminal the password is asked for by its option', async () => {
  await against({}, async (call) => {
    const printed = await call(['login', '--email', 'a@b.c']);
    assert.is(printed.exitCode, 2);
    assert.match(printed.stderr, /--password-stdin/);
  });
});

signingIn('each profile that cannot be used is told by its own sentence', async () => {
  await against({}, async (call, { profile }) => {
    const path = join(profile.directory, 'other.json');
    const argv = ['status', '--profile', path];
    assert.match((await call(argv)).stderr, /there is no profile .*other\.json/);
    await writeFile(path, 'endpoint: x');
    assert.match((await call(argv)).stderr, /is not JSON/);
    await writeFile(path, '{"endpoint":"http://127.0.0.1:1"}');
    assert.match((await call(argv)).stderr, /neither accessKey and secretKey nor token/);
    await writeFile(path, '{"accessKey":"a","secretKey":"b"}');
    const printed = await call(argv);
    assert.match(printed.stderr, /holds no endpoint/);
    assert.is(printed.exitCode, 4);
  });
});

signingIn('the default profile is the one of the default data directory', async () => {
  const printed = await orrery(['status'], { homeDirectory: '/home/nobody' });
  assert.match(printed.stderr, /\/home\/nobody\/\.orrery\/profile\.json/);
});

signingIn.run();
