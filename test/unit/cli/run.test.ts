import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Session } from '../../../gateway/client/model.ts';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState, fakeSession, SESSION_ID } from '../client/fake-state.ts';
import { ended, orrery, Profile, spawnOrrery } from './command-line.ts';

const AT = '2026-11-20T12:00:00.000Z';

const kernel = (parts: Partial<Session['kernels'][number]> = {}): Session['kernels'][number] => ({
  id: '0190b0c8-0000-7000-8000-0000000000bb',
  role: 'main',
  index: 1,
  hostname: 'main1',
  status: 'TERMINATED',
  image: 'python:3.13',
  agentId: 'local',
  containerId: 'c'.repeat(64),
  requestedSlots: { cpu: '1', mem: '134217728' },
  occupiedSlots: {},
  pullProgress: null,
  devices: [],
  exitCode: 0,
  wasOutOfMemory: false,
  statusInfo: null,
  startedAt: AT,
  terminatedAt: AT,
  ...parts,
});

function finish(state: FakeState, parts: Partial<Session> = {}): void {
  state.endLog(SESSION_ID);
  state.emit(SESSION_ID, 'TERMINATING');
  state.emit(SESSION_ID, 'TERMINATED', {
    exitCode: 0,
    statusInfo: 'task-finished',
    statusMessage: 'Its program finished.',
    kernels: [kernel()],
    ...parts,
  });
}

interface Stage extends AsyncDisposable {
  readonly state: FakeState;
  readonly gateway: FakeGateway;
  readonly profile: Profile;
}

/** A gateway whose sessions do what `play` says as soon as they are created. */
async function stage(
  play: (state: FakeState, gateway: FakeGateway) => unknown,
  script: Script = {},
): Promise<Stage> {
  const state = new FakeState();
  const gateway = await FakeGateway.start(state, script);
  const profile = await Profile.write(gateway.endpoint);
  state.onCreate(() => void play(state, gateway));
  return {
    state,
    gateway,
    profile,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await profile[Symbol.asyncDispose]();
    },
  };
}

const running = suite('cli: run');

running('the program output and exit code become those of the command', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    state.print(SESSION_ID, '42\n');
    state.print(SESSION_ID, 'careful\n', 'stderr');
    finish(state, { exitCode: 3, statusInfo: 'task-failed' });
  });
  const argv = [
    'run',
    '--profile',
    scene.profile.path,
    '--mem',
    '128m',
    '--',
    'python3',
    '-c',
    '1',
  ];
  assert.equal(await orrery(argv), { exitCode: 3, stdout: '42\n', stderr: 'careful\n' });
  const [input] = scene.state.created;
  assert.equal(input?.['command'], ['python3', '-c', '1']);
  assert.is(input?.['memory'], '128m');
  assert.is(input?.['type'], 'BATCH');
});

running('options after the program are the program’s own', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    finish(state);
  });
  const argv = ['run', '--profile', scene.profile.path, 'ls', '--json', '-n', 'x'];
  assert.is((await orrery(argv)).exitCode, 0);
  assert.equal(scene.state.created[0]?.['command'], ['ls', '--json', '-n', 'x']);
});

running('nothing is lost or doubled while the gateway is cut and restarted', async () => {
  await using scene = await stage(async (state, gateway) => {
    state.emit(SESSION_ID, 'RUNNING');
    for (let line = 1; line <= 40; line++) {
      state.print(SESSION_ID, `line ${line}\n`);
      if (line % 10 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        await gateway.restart();
      }
    }
    gateway.cut();
    finish(state, { exitCode: 7, statusInfo: 'task-failed' });
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x']);
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`);
  assert.is(printed.stdout, lines.join(''));
  assert.is(printed.exitCode, 7);
});

running('a program that never reached RUNNING is still read to its end', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'CREATING');
    state.print(SESSION_ID, 'quick\n');
    const events = state.sessions.get(SESSION_ID)?.events;
    state.emit(SESSION_ID, 'TERMINATING');
    const last = events?.pop();
    if (last !== undefined) {
      events?.push({ ...last, type: 'kernel-terminated', kernelStatus: 'TERMINATED' });
    }
    finish(state);
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x']);
  assert.equal(printed, { exitCode: 0, stdout: 'quick\n', stderr: '' });
});

running('a lack of memory is told and keeps the exit code', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    finish(state, {
      exitCode: 137,
      statusInfo: 'out-of-memory',
      requestedSlots: { cpu: '1', mem: '134217728' },
      kernels: [kernel({ wasOutOfMemory: true, exitCode: 137 })],
    });
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x']);
  assert.is(printed.exitCode, 137);
  assert.is(
    printed.stderr,
    'orrery: session quiet-owl ran out of memory: it needed more than 128 MiB (out-of-memory)\n',
  );
});

running('a session that failed to start ends with 125 and says why', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'ERROR', {
      statusInfo: 'image-missing',
      statusMessage: 'The registry has no image x:y.',
    });
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x']);
  assert.is(printed.exitCode, 125);
  assert.is(
    printed.stderr,
    'orrery: session quiet-owl failed: The registry has no image x:y. (image-missing)\n',
  );
});

running('a refusal ends with 125, its code and its field', async () => {
  const rejection = { code: 'image-unknown', field: 'image', message: 'There is no image "x".' };
  await using scene = await stage(() => {}, {
    operations: { createSession: () => ({ session: null, isCreated: false, rejection }) },
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x']);
  assert.equal(printed, {
    exitCode: 125,
    stdout: '',
    stderr: 'orrery: There is no image "x" (image-unknown, field image)\n',
  });
});

running('JSON is a stream of events, output and the session at last', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    state.print(SESSION_ID, '42\n');
    finish(state);
  });
  const printed = await orrery(['run', '--json', '--profile', scene.profile.path, '--', 'x']);
  const elements = printed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal([...new Set(elements.map(({ kind }) => kind))].sort(), [
    'event',
    'output',
    'session',
  ]);
  assert.is(elements.at(-1).session.status, 'TERMINATED');
  const output = elements.filter(({ kind }) => kind === 'output').map(({ data }) => data);
  assert.is(Buffer.from(output.join(''), 'base64').toString(), '42\n');
});

running('one Ctrl-C ends the session in good order, and the command with 130', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    state.print(SESSION_ID, 'started\n');
    state.onTerminate(() => {
      state.print(SESSION_ID, 'cleaned up\n');
      finish(state, { statusInfo: 'user-requested', exitCode: 0 });
    });
  });
  const child = spawnOrrery(['run', '--', 'x'], { ORRERY_PROFILE: scene.profile.path });
  child.stdout.once('data', () => child.kill('SIGINT'));
  const printed = await ended(child);
  assert.equal([printed.exitCode, printed.stdout], [130, 'started\ncleaned up\n']);
  assert.match(printed.stderr, /ending session quiet-owl\./);
  assert.equal(scene.state.terminated, [{ id: SESSION_ID, mode: 'GRACEFUL' }]);
});

running('a second Ctrl-C forces the end', async () => {
  let interrupt = (): void => {};
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    state.onTerminate((mode) => {
      if (mode === 'GRACEFUL') interrupt();
      else finish(state, { statusInfo: 'user-requested', exitCode: null });
    });
    interrupt();
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x'], {
    onReady: (press) => {
      interrupt = press;
    },
  });
  assert.is(printed.exitCode, 130);
  assert.equal(
    scene.state.terminated.map(({ mode }) => mode),
    ['GRACEFUL', 'FORCE'],
  );
});

running('a third Ctrl-C gives up waiting', async () => {
  let interrupt = (): void => {};
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    state.onTerminate(() => interrupt());
    interrupt();
  });
  const printed = await orrery(['run', '--profile', scene.profile.path, '--', 'x'], {
    onReady: (press) => {
      interrupt = press;
    },
  });
  assert.is(printed.exitCode, 130);
  assert.match(printed.stderr, /the session may go on/);
});

running('a reader that leaves early ends the session and the command', async () => {
  await using scene = await stage((state) => {
    state.emit(SESSION_ID, 'RUNNING');
    const print = (): void => {
      if (state.terminated.length > 0) return;
      state.print(SESSION_ID, 'y\n'.repeat(4_096));
      setImmediate(print);
    };
    print();
  });
  const child = spawnOrrery(['run', '--', 'yes'], { ORRERY_PROFILE: scene.profile.path });
  child.stdout.once('data', () => child.stdout.destroy());
  const printed = await ended(child);
  assert.is(printed.exitCode, 0);
  assert.is(printed.stderr, 'Nobody reads the output any more: ending session quiet-owl.\n');
  assert.equal(
    scene.state.terminated.map(({ mode }) => mode),
    ['GRACEFUL'],
  );
});

running('a waiting session is told once with its reason', async () => {
  await using scene = await stage((state) => {
    const running = state.sessions.get(SESSION_ID);
    if (running === undefined) return;
    running.session = fakeSession({
      revision: 1,
      statusInfo: 'no-room',
      statusMessage: 'No node has 64 free cores.',
    });
  });
  const printing = orrery(['run', '--profile', scene.profile.path, '--', 'x'], {
    clock: {
      nowMs: systemClock.nowMs,
      // Only the wait for the courtesy passes at once.
      sleep: async (delayMs, signal) => {
        if (delayMs === 3_000) return;
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      },
    },
  });
  while (!scene.gateway.requests.includes('session')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  finish(scene.state);
  const printed = await printing;
  assert.match(
    printed.stderr,
    /Session quiet-owl is PENDING: No node has 64 free cores. \(no-room\)\n/,
  );
});

running.run();
