import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { TerminalChannel } from '../../../gateway/client/terminal-channel.ts';
import { pipeOrrery, runOrrery, seatOrrery } from '../../environment/command-line.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { tokenOf } from '../../environment/sign-in.ts';
import { type StartedSystem, startSystem } from '../../environment/system.ts';

const SEEN_MS_MAX = 120_000;

async function startSession({ client }: StartedSystem, image: string): Promise<string> {
  const { session } = await client.createSession({
    type: 'INTERACTIVE',
    image,
    cpu: '0.5',
    memory: '256m',
    environ: { PS1: '$ ' },
  });
  for await (const { status } of client.sessionEvents({ id: session.id }))
    if (status === 'RUNNING') break;
  return session.id;
}

interface Viewer {
  text(): string;
  /** How often it had to begin anew. */
  breaks(): number;
  /** How often it was attached. */
  attached(): number;
  sees(pattern: RegExp): Promise<void>;
  /** Resolves when it was attached more often than this. */
  attachedAfter(count: number): Promise<void>;
  readonly exitCode: Promise<number | null>;
}

function view(channel: TerminalChannel): Viewer {
  let text = '';
  let breaks = 0;
  let attached = 0;
  let changed = Promise.withResolvers<void>();
  const follow = async (): Promise<number | null> => {
    for await (const frame of channel.frames) {
      if (frame.kind === 'output') text += Buffer.from(frame.data).toString('latin1');
      if (frame.kind === 'attached') attached += 1;
      if (frame.kind === 'attached' && attached > 1 && !frame.isContinued) breaks += 1;
      changed.resolve();
      changed = Promise.withResolvers();
      if (frame.kind === 'exit') return frame.exitCode;
    }
    throw new Error('it ended without an exit');
  };
  const exitCode = follow();
  exitCode.catch(() => undefined);
  const until = async (isSo: () => boolean, what: string): Promise<void> => {
    const late = new Promise<never>((_, reject) => {
      AbortSignal.timeout(SEEN_MS_MAX).addEventListener('abort', () =>
        reject(new Error(`${what} never came in ${JSON.stringify(text.slice(-2_000))}`)),
      );
    });
    late.catch(() => undefined);
    while (!isSo()) await Promise.race([changed.promise, late, exitCode]);
  };
  return {
    text: () => text,
    breaks: () => breaks,
    attached: () => attached,
    sees: (pattern) => until(() => pattern.test(text), String(pattern)),
    attachedAfter: (count) => until(() => attached > count, 'an attachment'),
    exitCode,
  };
}

const places = [
  {
    name: 'processes',
    start: async () => ({ system: await startSystem(['--driver', 'process']), image: 'host' }),
  },
  { name: 'containers', start: startDockerSystem },
];

for (const { name, start } of places) {
  const { system, image } = await start();
  const { client, dataDirectory } = system;
  const sessionId = await startSession(system, image);
  const terminals = suite(`terminals of a session: ${name}`);
  const orrery = (...args: readonly string[]) => runOrrery(dataDirectory, ...args);

  terminals('orrery shell takes what is piped, and ends as the shell does', async () => {
    const input = 'echo $((6 * 7))\nexit 3\n';
    const spoken = await pipeOrrery(dataDirectory, input, 'shell', sessionId);
    assert.is(spoken.code, 3, spoken.stderr);
    assert.match(spoken.stdout, /\r42\r\n|\n42\r\n/);
    const ended = await pipeOrrery(dataDirectory, 'false\ntrue', 'shell', sessionId);
    assert.is(ended.code, 0, 'the end of the input ends it');
  });

  terminals('a person leaves it and comes back to the same shell and screen', async () => {
    const first = seatOrrery(dataDirectory, 'shell', sessionId);
    first.type('stty size; kept=here\r');
    await first.shows(/31 101/);
    first.type('\x1d');
    assert.is(await first.code, 0);
    assert.match(first.shown(), /The shell goes on/);
    const second = seatOrrery(dataDirectory, 'shell', sessionId);
    await second.shows(/31 101/);
    second.type('echo "-$kept-"; exit 7\r');
    await second.shows(/-here-/);
    assert.is(await second.code, 7);
  });

  terminals(
    'it goes on at the same byte when the gateway and then the agent are killed',
    async () => {
      using channel = client.terminals.open({ sessionId }, { columns: 90, rows: 20 });
      const viewer = view(channel);
      channel.write(Buffer.from('n=0; echo be""gin\n'));
      await viewer.sees(/begin/);
      for (const victim of ['gateway', 'agent'] as const) {
        const count = viewer.attached();
        // It prints on while nobody can see it.
        channel.write(
          Buffer.from(`for i in $(seq 1 40); do n=$((n+1)); echo l-$n; sleep 0.05; done\n`),
        );
        const line = victim === 'gateway' ? 'l-5\r' : 'l-45\r';
        await viewer.sees(new RegExp(line));
        process.kill(system.pids()[victim] ?? 0, 'SIGKILL');
        await viewer.attachedAfter(count);
        await viewer.sees(victim === 'gateway' ? /l-40\r/ : /l-80\r/);
      }
      const lines = [...viewer.text().matchAll(/l-(\d+)\r/g)].map(([, digits]) => Number(digits));
      assert.equal(
        lines,
        Array.from({ length: 80 }, (_, index) => index + 1),
      );
      assert.is(viewer.breaks(), 0, 'nothing was shown twice');
      channel.write(Buffer.from('exit 9\n'));
      assert.is(await viewer.exitCode, 9);
    },
  );

  terminals('others look on, and are not heard', async () => {
    using channel = client.terminals.open({ sessionId }, undefined);
    const viewer = view(channel);
    channel.write(Buffer.from('echo own""er\n'));
    await viewer.sees(/owner/);
    const shared = await orrery('shell', sessionId, '--share', '600');
    assert.is(shared.code, 0, shared.stderr);
    const address = shared.stdout.trim();
    assert.match(address, /^ws:\/\/.*\/terminal\?token=/);
    using looking = client.terminals.watch(address);
    const onlooker = view(looking);
    await onlooker.sees(/owner/);
    looking.write(Buffer.from('echo intru""der\n'));
    looking.resize(40, 10);
    looking.restart();
    channel.write(Buffer.from('stty size; echo af""ter\n'));
    for (const each of [viewer, onlooker]) await each.sees(/24 80[\s\S]*after/);
    assert.not.match(viewer.text(), /intruder/);
    assert.is(viewer.breaks() + onlooker.breaks(), 0);
    channel.write(Buffer.from('exit\n'));
    await viewer.exitCode;
    using late = client.terminals.watch(address);
    const error = await view(late).exitCode.catch((failure: unknown) => failure);
    assert.is((error as { code?: string }).code, 'terminal-not-found', 'and begin nothing');
  });

  terminals('a restart gives everybody a new shell', async () => {
    using channel = client.terminals.open({ sessionId, terminal: 'hung' }, undefined);
    const viewer = view(channel);
    channel.write(Buffer.from('z=1; trap "" INT; echo sta""rted; sleep 1000\n'));
    await viewer.sees(/started/);
    channel.restart();
    await viewer.attachedAfter(1);
    channel.write(Buffer.from('echo "z is -$z-"; exit\n'));
    await viewer.sees(/z is --/);
    assert.is(viewer.breaks(), 1);
    await viewer.exitCode;
  });

  terminals('without a good pass nobody gets in, nor with a token for signing in', async () => {
    const refusalOf = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${system.endpoint.replace(/^http/, 'ws')}${path}`);
        let told = '';
        socket.on('message', (message) => {
          told += String(message);
        });
        socket.on('close', (code) => resolve(`${code} ${told}`));
        socket.on('error', reject);
      });
    for (const path of ['/terminal', '/terminal?token=a.b.c'])
      assert.match(await refusalOf(path), /^4401 .*TICKET_INVALID/);
    const token = await tokenOf(system);
    assert.match(await refusalOf(`/terminal?token=${token}`), /^4401 .*TICKET_INVALID/);
    const { url } = await client.terminals.share({ sessionId, validSeconds: 60 });
    const pass = new URL(url).searchParams.get('token') ?? '';
    const answer = await fetch(`${system.endpoint}/recordings/${sessionId}/x`, {
      headers: { authorization: `Bearer ${pass}` },
    });
    assert.is(answer.status, 401, 'nor is a pass a token for signing in');
    const wrong = await refusalOf(`/terminal?token=${pass}&columns=0`);
    assert.match(wrong, /INPUT_INVALID.*columns/);
  });

  terminals('what was recorded and who was there can be read after its end', async () => {
    const input = 'echo re""corded\nexit\n';
    const args = ['shell', sessionId, '--record', '--terminal', 'filmed'] as const;
    assert.is((await pipeOrrery(dataDirectory, input, ...args)).code, 0);
    assert.is((await orrery('session', 'rm', '--force', sessionId)).code, 0);
    const listed = await orrery('session', 'recordings', sessionId, '--json');
    const [recording, ...others] = JSON.parse(listed.stdout);
    assert.equal(others, []);
    assert.is(recording.terminal, 'filmed');
    const played = await orrery('session', 'recordings', sessionId, recording.name);
    const [header, ...events] = played.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.is(header.version, 2);
    assert.match(events.map(([, , data]) => data).join(''), /recorded\r\n/);
    const missing = await orrery('session', 'recordings', sessionId, 'main.0000000000000.cast');
    assert.match(missing.stderr, /no such recording/);
    const shown = await orrery(
      'audit',
      'show',
      `session:${sessionId}`,
      '--json',
      '--limit',
      '1000',
    );
    const uses = shown.stdout
      .trimEnd()
      .split('\n')
      .flatMap((line) => JSON.parse(line).events)
      .flatMap(({ use }) => use ?? []);
    const ofTerminals = uses.filter(({ kind }) => kind === 'terminal');
    assert.ok(ofTerminals.some(({ terminal, isRecorded }) => terminal === 'filmed' && isRecorded));
    assert.ok(ofTerminals.some(({ mode, isShared }) => mode === 'read-only' && isShared));
    assert.ok(uses.some(({ kind }) => kind === 'terminal-shared'));
    assert.not.match(JSON.stringify(uses), /recorded\\/);
  });

  terminals.after(async () => {
    await system[Symbol.asyncDispose]();
  });
  terminals.run();
}
