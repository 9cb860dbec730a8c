import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState, fakeSession, SESSION_ID } from '../client/fake-state.ts';
import { ended, orrery, Profile, type Surroundings, spawnOrrery } from './command-line.ts';

const clock = {
  nowMs: () => Date.parse('2026-11-20T12:05:00.000Z'),
  sleep: systemClock.sleep,
};

async function against(
  state: FakeState,
  script: Script,
  work: (
    call: (argv: readonly string[], around?: Surroundings) => ReturnType<typeof orrery>,
  ) => Promise<void>,
): Promise<void> {
  await using gateway = await FakeGateway.start(state, script);
  await using profile = await Profile.write(gateway.endpoint);
  await work((argv, around) =>
    orrery(argv, { env: { ORRERY_PROFILE: profile.path }, clock, ...around }),
  );
}

const ticket = () => ({
  ticket: { url: '/exec?ticket=t', expiresAt: '2099-01-01T00:00:00.000Z' },
  rejection: null,
});

const sessions = suite('cli: session');

sessions('a table fits into 80 columns and keeps the id', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    const { stdout, exitCode } = await call(['session', 'ls']);
    assert.is(exitCode, 0);
    assert.equal(stdout.split('\n'), [
      'NAME       STATUS   AGE  EXIT  TYPE   ID',
      `quiet-owl  PENDING   5m        batch  ${SESSION_ID}`,
      '',
    ]);
  });
});

sessions('a list in JSON is one array of whole sessions', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    const { stdout } = await call(['--json', 'session', 'ls', '--all']);
    assert.equal(
      JSON.parse(stdout).map(({ id, requestedSlots }: ReturnType<typeof fakeSession>) => [
        id,
        requestedSlots,
      ]),
      [[SESSION_ID, { cpu: '1', mem: '1073741824' }]],
    );
  });
});

sessions('an empty list prints no result, only a remark', async () => {
  await against(new FakeState(), {}, async (call) => {
    const printed = await call(['session', 'ls']);
    assert.equal([printed.exitCode, printed.stderr], [0, 'No session is live.\n']);
  });
});

sessions('a session is found by its id, and by its name', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    for (const reference of [SESSION_ID, SESSION_ID.toUpperCase(), 'quiet-owl']) {
      assert.is(
        JSON.parse((await call(['session', 'get', reference, '--json'])).stdout).id,
        SESSION_ID,
      );
    }
  });
});

sessions('the live session of a name comes before one that is over', async () => {
  const state = new FakeState();
  const overId = '0190b0c8-0000-7000-8000-000000000002';
  state.add(fakeSession({ id: overId }));
  state.emit(overId, 'TERMINATED');
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    assert.is(
      JSON.parse((await call(['session', 'get', 'quiet-owl', '--json'])).stdout).id,
      SESSION_ID,
    );
  });
});

sessions('a name that two live sessions bear is refused with their ids', async () => {
  const state = new FakeState();
  const otherId = '0190b0c8-0000-7000-8000-000000000002';
  state.add(fakeSession());
  state.add(fakeSession({ id: otherId }));
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'get', 'quiet-owl']);
    assert.is(printed.exitCode, 1);
    assert.ok(printed.stderr.includes(SESSION_ID) && printed.stderr.includes(otherId));
    assert.match(printed.stderr, /\(cli\.name-ambiguous\)\n$/);
  });
});

sessions('what nobody knows is not found', async () => {
  await against(new FakeState(), {}, async (call) => {
    for (const reference of [SESSION_ID, 'nobody']) {
      assert.equal(await call(['session', 'get', reference]), {
        exitCode: 3,
        stdout: '',
        stderr: `orrery: there is no session "${reference}" (session-not-found)\n`,
      });
    }
  });
});

sessions('a session that ran out of memory is called so', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  const [kernel] = [{ ...{ wasOutOfMemory: true, containerId: null, agentId: 'local' } }];
  state.emit(SESSION_ID, 'TERMINATED', {
    exitCode: 137,
    statusInfo: 'out-of-memory',
    statusMessage: 'A program used more memory than it may, and was ended.',
    requestedSlots: { cpu: '1', mem: '134217728' },
    kernels: [
      {
        id: '0190b0c8-0000-7000-8000-0000000000bb',
        role: 'main',
        index: 1,
        hostname: 'main1',
        status: 'TERMINATED',
        image: 'python:3.13',
        requestedSlots: {},
        occupiedSlots: {},
        pullProgress: null,
        devices: [{ id: 'GPU-1', slot: 'cuda.device', amount: '1', model: 'H100', memoryBytes: 1 }],
        exitCode: 137,
        statusInfo: null,
        startedAt: null,
        terminatedAt: null,
        ...kernel,
      },
    ],
  });
  await against(state, {}, async (call) => {
    const { stdout } = await call(['session', 'get', 'quiet-owl']);
    assert.match(stdout, /^Devices +cuda\.device 1 GPU-1 \(H100\)$/m);
    assert.match(
      stdout,
      /Ended because +out of memory: it needed more than 128 MiB \(out-of-memory\)\n/,
    );
    assert.match(stdout, /Exit code +137\n/);
  });
});

sessions('a cluster is shown kernel by kernel', async () => {
  const state = new FakeState();
  const kernel = (hostname: string, agentId: string) => ({
    ...{ id: hostname, role: hostname.slice(0, -1), index: 1, hostname, agentId, image: 'i' },
    ...{ status: 'RUNNING' as const, containerId: null, requestedSlots: {}, occupiedSlots: {} },
    ...{ exitCode: null, wasOutOfMemory: false, statusInfo: null, startedAt: null },
    ...{ terminatedAt: null, devices: [], pullProgress: null },
  });
  const kernels = [kernel('main1', 'node-a'), kernel('sub1', 'node-b')];
  state.add(fakeSession({ clusterSize: 2, clusterMode: 'MULTI_NODE', kernels }));
  await against(state, {}, async (call) => {
    const { stdout } = await call(['session', 'get', 'quiet-owl']);
    assert.match(stdout, /Cluster +2 kernels on any agents\n/);
    assert.match(stdout, /Kernels\n {2}main1 +RUNNING +node-a\n {2}sub1 +RUNNING +node-b\n/);
  });
});

sessions('creating prints the id alone and asks as it was told', async () => {
  const state = new FakeState();
  await against(state, {}, async (call) => {
    const printed = await call([
      ...['session', 'create', '--name', 'n', '--cpu', '2', '-e', 'A=1', '-e', 'B=x=y'],
      ...['--slot', 'cuda.device=1', '--priority', '5', '--idempotency-key', 'k'],
      ...['--cluster-size', '3', '--multi-node', '--shm', '64m'],
    ]);
    assert.is(printed.stdout, `${SESSION_ID}\n`);
    assert.equal(state.created, [
      {
        type: 'INTERACTIVE',
        name: 'n',
        cpu: '2',
        memory: '1g',
        environ: { A: '1', B: 'x=y' },
        slots: { 'cuda.device': '1' },
        sharedMemory: '64m',
        clusterSize: 3,
        clusterMode: 'MULTI_NODE',
        priority: 5,
        idempotencyKey: 'k',
      },
    ]);
  });
});

sessions('creating with --wait ends when it runs', async () => {
  const state = new FakeState();
  state.onCreate(() => state.emit(SESSION_ID, 'RUNNING'));
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'create', '--wait', '--json']);
    assert.is(JSON.parse(printed.stdout).status, 'RUNNING');
  });
});

sessions('creating with --wait fails when the session cannot run', async () => {
  const state = new FakeState();
  state.onCreate(() =>
    state.emit(SESSION_ID, 'ERROR', { statusInfo: 'failed-to-start', statusMessage: 'No image.' }),
  );
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'create', '--wait']);
    assert.is(printed.exitCode, 1);
    assert.match(printed.stderr, /session quiet-owl is ERROR: No image\. \(failed-to-start\)/);
  });
});

sessions('removing waits for the end', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.onTerminate(() => setImmediate(() => state.emit(SESSION_ID, 'TERMINATED')));
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'rm', '--force', 'quiet-owl', '--json']);
    assert.is(JSON.parse(printed.stdout).status, 'TERMINATED');
    assert.equal(state.terminated, [{ id: SESSION_ID, mode: 'FORCE' }]);
    const again = await call(['session', 'rm', SESSION_ID]);
    assert.equal(again, { exitCode: 0, stdout: `${SESSION_ID}\n`, stderr: '' });
    assert.is(state.terminated.length, 1);
  });
});

sessions('removing with --no-wait only asks', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'rm', '--no-wait', 'quiet-owl']);
    assert.equal(printed, { exitCode: 0, stdout: `${SESSION_ID}\n`, stderr: '' });
  });
});

sessions('of several to remove, those that exist are removed', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'rm', '--no-wait', 'nobody', 'quiet-owl']);
    assert.is(printed.exitCode, 3);
    assert.is(printed.stdout, `${SESSION_ID}\n`);
    assert.match(printed.stderr, /there is no session "nobody"/);
  });
});

sessions('all that wait are removed, however many calls it takes, and only own ones', async () => {
  const state = new FakeState();
  for (let count = 0; count < 5; count += 1)
    state.add(fakeSession({ id: `${SESSION_ID.slice(0, -1)}${count}`, status: 'PENDING' }));
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'rm-pending', '--json']);
    assert.is(printed.exitCode, 0);
    assert.equal(JSON.parse(printed.stdout), { ended: 5, refused: [] });
    const statuses = [...state.sessions.values()].map(({ session }) => session.status);
    assert.equal([...new Set(statuses)], ['CANCELLED']);
    const waiting = { statuses: ['PENDING'], ownerId: fakeSession().owner.id };
    assert.equal(state.endedBy, [waiting, waiting, waiting]);
    await call(['session', 'rm-pending', '--everyone']);
    assert.equal(state.endedBy.at(-1), { statuses: ['PENDING'] });
  });
});

sessions('of all that wait, one that refuses is told and the others go', async () => {
  const state = new FakeState();
  const id = (last: number): string => `${SESSION_ID.slice(0, -1)}${last}`;
  for (const [index, name] of ['stubborn', 'stubborn', 'stubborn', 'meek'].entries())
    state.add(fakeSession({ id: id(index), name, status: 'PENDING' }));
  await against(state, {}, async (call) => {
    const printed = await call(['session', 'rm-pending']);
    assert.is(printed.exitCode, 1);
    assert.is(printed.stdout, '1 ended\n');
    assert.match(printed.stderr, /it does not want to/);
  });
});

sessions('events are followed to the last one', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await against(state, {}, async (call) => {
    const followed = call(['session', 'events', '-f', '--json', SESSION_ID]);
    state.emit(SESSION_ID, 'SCHEDULED');
    state.emit(SESSION_ID, 'CANCELLED');
    const events = (await followed).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(
      events.map(({ revision, status }) => `${revision} ${status}`),
      ['1 PENDING', '2 SCHEDULED', '3 CANCELLED'],
    );
  });
});

sessions('events without following end at the present', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.emit(SESSION_ID, 'SCHEDULED');
  await against(state, {}, async (call) => {
    const { stdout } = await call(['session', 'events', SESSION_ID]);
    assert.match(
      stdout,
      /^\S+ +1 {2}session-pending +PENDING\n\S+ +2 {2}session-scheduled +SCHEDULED\n$/,
    );
  });
});

sessions('logs without following print what is there', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.print(SESSION_ID, 'out\n');
  state.print(SESSION_ID, 'err\n', 'stderr');
  await against(state, {}, async (call) => {
    assert.equal(await call(['session', 'logs', SESSION_ID]), {
      exitCode: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    });
  });
});

sessions('followed logs end when the session has ended', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.print(SESSION_ID, 'out\n');
  await against(state, {}, async (call) => {
    const followed = call(['session', 'logs', '-f', SESSION_ID]);
    state.print(SESSION_ID, 'more\n');
    state.endLog(SESSION_ID);
    assert.is((await followed).stdout, 'out\nmore\n');
  });
});

sessions('exec passes standard input on and ends as the program does', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  const script: Script = {
    operations: { execInSession: ticket },
    exec: (socket) => {
      const send = (frame: object): void => socket.send(JSON.stringify(frame));
      socket.on('message', (message) => {
        const frame = JSON.parse(String(message));
        if (frame.kind === 'input') send({ kind: 'output', source: 'stderr', data: frame.data });
        if (frame.kind === 'end-of-input') send({ kind: 'exit', exitCode: 9 });
      });
    },
  };
  await against(state, script, async (call) => {
    const printed = await call(['session', 'exec', 'quiet-owl', '--', 'cat'], { stdin: 'hello' });
    assert.equal(printed, { exitCode: 9, stdout: '', stderr: 'hello' });
  });
});

sessions('exec tells what the agent says went wrong', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  const script: Script = {
    operations: { execInSession: ticket },
    exec: (socket) => {
      const error = { kind: 'error', code: 'exec-not-found', message: 'There is no program "x".' };
      socket.send(JSON.stringify(error));
    },
  };
  await against(state, script, async (call) => {
    const printed = await call(['session', 'exec', 'quiet-owl', '--', 'x', '--json']);
    assert.equal(printed, {
      exitCode: 1,
      stdout: '',
      stderr: 'orrery: There is no program "x" (exec-not-found)\n',
    });
  });
});

sessions('Ctrl-C ends a followed stream with 130', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using profile = await Profile.write(gateway.endpoint);
  const child = spawnOrrery(['session', 'events', '-f', SESSION_ID, '--profile', profile.path]);
  child.stdout.once('data', () => child.kill('SIGINT'));
  const printed = await ended(child);
  assert.equal(
    [printed.exitCode, printed.stderr],
    [130, 'orrery: interrupted (cli.interrupted)\n'],
  );
});

sessions('a pipe that is closed early is no failure', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  for (let line = 0; line < 500; line++) state.print(SESSION_ID, `${'x'.repeat(1_000)}\n`);
  await using gateway = await FakeGateway.start(state);
  await using profile = await Profile.write(gateway.endpoint);
  const child = spawnOrrery(['session', 'logs', '-f', SESSION_ID, '--profile', profile.path]);
  child.stdout.once('data', () => child.stdout.destroy());
  const printed = await ended(child);
  assert.equal([printed.exitCode, printed.stderr], [0, '']);
});

sessions.run();
