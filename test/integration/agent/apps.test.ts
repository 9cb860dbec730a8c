import { type AppReport, OrreryError, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelApps } from '../../../actors/agent/apps/kernel-apps.ts';
import { KernelShell } from '../../../actors/agent/apps/kernel-shell.ts';
import { within } from '../../contract/driver/driver-bench.ts';
import { appsImageIn } from '../../environment/apps-image.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { openDockerKernel } from './docker-kernel.ts';

/** Answers each line with what was made of it, and with its environment. */
const SERVER = [
  'import os, socket, sys\n',
  'open("pid", "w").write(str(os.getpid()) + "\\n")\n',
  'server = socket.socket()\n',
  'server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n',
  'server.bind(("127.0.0.1", int(sys.argv[1])))\n',
  'server.listen()\n',
  'while True:\n',
  '    there, _ = server.accept()\n',
  '    there.sendall((" ".join(sys.argv[2:]) + " " + os.environ.get("GREETING", "") + "\\n").encode())\n',
  '    there.close()\n',
];

const definitions: Readonly<Record<string, unknown>> = {
  greeter: {
    prestart: [
      { action: 'mkdir', args: { path: 'made/here' } },
      {
        action: 'write_file',
        args: { filename: 'made/here/{ports[0]}', body: ['{{first}}'], mode: '600' },
      },
      {
        action: 'write_file',
        args: { filename: 'made/here/{ports[0]}', body: ['second'], append: true },
      },
      { action: 'write_tempfile', args: { body: SERVER }, ref: 'server' },
      { action: 'run_command', args: { command: ['sh', '-c', 'printf seen'] }, ref: 'seen' },
      { action: 'log', args: { message: 'at {ports[0]}' } },
    ],
    command: ['{runtime_path}', '{server}', '{ports[0]}', '{seen[out]}', '{base_path}'],
    env: { GREETING: 'hello {ports[0]}' },
    default_arguments: { '--as': 'nobody' },
    allowed_arguments: ['--as'],
    allowed_envs: ['MOOD', 'HOME'],
    url_template: '{protocol}://{host}:{port}/x',
  },
  pair: { command: 'sleep 600', shell: 'sh', noop: true },
  quiet: { command: ['no-such-program'] },
  lost: { command: 'echo it is broken >&2; exit 3', shell: 'sh' },
  broken: { command: ['true'], surprise: 1 },
  brief: {
    prestart: [{ action: 'write_file', args: { filename: '/proc/none', body: [] } }],
    command: ['true'],
  },
};

interface Bench extends AsyncDisposable {
  readonly apps: KernelApps;
  start(app: string, options?: object): ReturnType<KernelApps['start']>;
  reported(app: string): Promise<AppReport>;
  /** What the port answers. */
  heard(port: number): Promise<string>;
  run(script: string): Promise<string>;
}

async function openBench(): Promise<Bench> {
  const { socketPath } = await dockerEngine();
  const image = await appsImageIn(socketPath);
  const opened = await openDockerKernel({
    socketPath,
    image,
    environ: { BACKENDAI_PREOPEN_PORTS: '8200,8201' },
    memoryBytes: 256 * 1024 * 1024,
  });
  const { driver, kernel, logger } = opened;
  const ended = new AbortController();
  const runner = driver.places(kernel)?.runner ?? '';
  const parts = { driver, kernel, runner, signal: ended.signal };
  const apps = new KernelApps({ ...parts, clock: systemClock, logger });
  const shell = new KernelShell(parts);
  const run = async (script: string): Promise<string> => {
    const { exitCode, out, err } = await shell.run(['sh', '-c', script]);
    assert.is(exitCode, 0, err);
    return out;
  };
  await run('mkdir -p /etc/backend.ai/service-defs');
  for (const [name, given] of Object.entries(definitions)) {
    const text = JSON.stringify(given, undefined, 1);
    const path = `/etc/backend.ai/service-defs/${name}.json`;
    await shell.run(['sh', '-c', 'printf %s "$1" >"$2"', 'sh', text, path]);
  }
  const reported = async (app: string): Promise<AppReport> => {
    const found = (await apps.list()).apps.find(({ name }) => name === app);
    if (found === undefined) throw new Error(`there is no app ${app}`);
    return found;
  };
  return {
    apps,
    run,
    reported,
    start: (app, options = {}) =>
      apps.start({
        kind: 'app-start',
        kernel,
        app,
        options: { arguments: {}, environ: {}, ...options },
        basePath: `/apps/S/${app}/`,
      }),
    async heard(port) {
      const stream = await driver.dial({ kernel, port }, within());
      let text = '';
      for await (const piece of stream) text += String(piece);
      return text;
    },
    async [Symbol.asyncDispose]() {
      ended.abort(new Error('the test is over'));
      await opened[Symbol.asyncDispose]();
    },
  };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OrreryError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing';
}

const apps = suite('apps: in a container of an image with definitions');
let bench: Bench;

apps.before(async () => {
  bench = await openBench();
});
apps.after(async () => {
  await bench[Symbol.asyncDispose]();
});

apps('are those of the label, those the session opens, and those of the gateway', async () => {
  const { apps: listed, faults } = await bench.apps.list();
  assert.equal(
    listed.map(({ name, protocol, ports, source }) => [name, protocol, ports, source]),
    [
      ['greeter', 'http', [8123], 'image'],
      ['pair', 'tcp', [8124, 8125], 'image'],
      ['web', 'preopen', [8126], 'image'],
      ['quiet', 'http', [8127], 'image'],
      ['lost', 'http', [8128], 'image'],
      ['undefined', 'http', [8129], 'image'],
      ['broken', 'http', [8130], 'image'],
      ['brief', 'http', [8131], 'image'],
      ['8200', 'preopen', [8200], 'session'],
      ['8201', 'preopen', [8201], 'session'],
      ['terminal', 'internal', [7681], 'catalogue'],
      ['sshd', 'internal', [2200], 'catalogue'],
    ],
  );
  assert.is(faults.length, 1);
  assert.match(faults[0] ?? '', /broken\.json: .*surprise/);
  const [greeter] = listed;
  assert.is(greeter?.urlTemplate, '{protocol}://{host}:{port}/x');
  assert.equal(greeter?.allowedArguments, ['--as']);
  assert.is(greeter?.state, 'stopped');
  assert.is(greeter?.isAnswering, false);
});

apps('are started with all that their definitions say, once, and ended', async () => {
  const options = { arguments: { '--as': ['Ada', 'Bob'] }, environ: { MOOD: 'good' } };
  const { app, hasChanged } = await bench.start('greeter', options);
  assert.is(hasChanged, true);
  assert.is(app.state, 'running');
  assert.is(app.isAnswering, true);
  assert.is(app.isAtBasePath, true);
  const answer = 'seen /apps/S/greeter/ --as Ada Bob hello 8123\n';
  assert.is(await bench.heard(8123), answer);
  assert.is(await bench.run('cat made/here/8123'), '{first}\nsecond\n');
  assert.match(await bench.run('ls -l made/here/8123'), /^-rw-r--r--/);
  assert.is((await bench.start('greeter')).hasChanged, false);
  const stopped = await bench.apps.stop('greeter');
  assert.is(stopped.hasChanged, true);
  assert.is(stopped.app.isAnswering, false);
  assert.is((await bench.apps.stop('greeter')).hasChanged, false);
  assert.is((await bench.start('greeter')).hasChanged, true, 'it can be started again');
  await bench.apps.stop('greeter');
});

apps('that end by themselves are known to, and can be started again', async () => {
  await bench.start('greeter');
  await bench.run('read -r pid <pid && kill "$pid"');
  const deadlineMs = systemClock.nowMs() + 20_000;
  while ((await bench.reported('greeter')).state !== 'stopped')
    assert.ok(systemClock.nowMs() < deadlineMs, 'it is still taken for running');
  assert.is((await bench.reported('greeter')).lastEnd?.exitCode, 143);
  assert.is((await bench.start('greeter')).hasChanged, true);
  await bench.apps.stop('greeter');
});

apps('that two start at once are started once', async () => {
  const both = await Promise.all([bench.start('greeter'), bench.start('greeter')]);
  assert.equal(both.map(({ hasChanged }) => hasChanged).toSorted(), [false, true]);
  await bench.apps.stop('greeter');
});

apps('of which nothing is to be started are left as they are', async () => {
  for (const name of ['pair', 'web', '8200', '9999', 'terminal'])
    assert.is((await bench.start(name)).hasChanged, false, name);
  assert.is((await bench.start('terminal')).app.isAnswering, true);
});

apps('a program of the user at a port is seen to answer', async () => {
  const program =
    'import socket, time; s = socket.socket(); s.bind(("0.0.0.0", 8200)); s.listen(); time.sleep(600)';
  await bench.run(
    `python3 -c '${program}' >/dev/null 2>&1 & until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8200))' 2>/dev/null; do :; done`,
  );
  const { state, isAnswering } = await bench.reported('8200');
  assert.equal([state, isAnswering], ['running', true]);
  assert.match(await refusal(bench.apps.stop('8200')), /^app-not-ours: .*8200/);
});

for (const [app, options, why] of [
  ['none', {}, /^app-unknown: the session has no app none; its apps are greeter, .*broken\.json/],
  ['quiet', {}, /^app-program-missing: the program no-such-program is not in the image/],
  ['lost', {}, /^app-ended: .*exit code 3 .*it said last: it is broken/],
  ['undefined', {}, /^app-definition-invalid: .*no service definition undefined\.json/],
  ['broken', {}, /^app-definition-invalid: .*broken\.json: .*surprise/],
  ['brief', {}, /^app-prestart-failed: write_file of the app brief failed: .*none/],
  ['greeter', { arguments: { '--port': '1' } }, /^app-argument-disallowed: .*--port/],
  ['greeter', { environ: { PATH: '/' } }, /^app-environment-disallowed: .*PATH/],
  ['greeter', { environ: { HOME: '/' } }, /^app-environment-disallowed: .*HOME is set/],
] as const)
  apps(`${app} with ${JSON.stringify(options)} is refused with the reason`, async () => {
    assert.match(await refusal(bench.start(app, options)), why);
    if (app !== 'none') assert.is((await bench.reported(app)).state, 'stopped');
  });

apps('a port that is taken is said to be', async () => {
  await bench.run(
    `python3 -c 'import socket, time; s = socket.socket(); s.bind(("0.0.0.0", 8127)); s.listen(); time.sleep(600)' >/dev/null 2>&1 & until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8127))' 2>/dev/null; do :; done`,
  );
  assert.match(await refusal(bench.start('quiet')), /^app-port-taken: the port 8127/);
  assert.match(await refusal(bench.apps.stop('quiet')), /^app-not-ours/);
});

apps.run();
