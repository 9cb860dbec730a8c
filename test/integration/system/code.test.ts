import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CodeResult } from '../../../gateway/client/code.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { type StartedSystem, startSystem } from '../../environment/system.ts';

const LINES = 100_000;

const text = ({ console }: CodeResult): string =>
  console.flatMap(([kind, content]) => (kind === 'stdout' ? [content] : [])).join('');

async function startSession({ client }: StartedSystem, image: string): Promise<string> {
  const { session } = await client.createSession({
    type: 'INTERACTIVE',
    image,
    cpu: '0.5',
    memory: '256m',
  });
  for await (const { status } of client.sessionEvents({ id: session.id }))
    if (status === 'RUNNING') break;
  return session.id;
}

/** Kills what is named in the middle of a cell, once its first output was received. */
async function printsThrough(system: StartedSystem, sessionId: string): Promise<string> {
  const { client } = system;
  const noAnswer = async (): Promise<string> => '';
  const code = `import time
for n in range(1, ${LINES} + 1):
    print(n)
    if n % 1000 == 0: time.sleep(0.02)`;
  const victims = ['gateway', 'agent'];
  let printed = '';
  let last: CodeResult | undefined;
  const run = { sessionId, mode: 'QUERY', code, flushMs: 100, answer: noAnswer } as const;
  for await (const result of client.code.run(run)) {
    printed += text(result);
    last = result;
    const isMiddle = printed.length > 20_000 && result.status === 'continued';
    const victim = isMiddle ? victims.shift() : undefined;
    const pid = victim === undefined ? undefined : system.pids()[victim];
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }
  assert.equal(victims, [], 'both were killed in the middle of the cell');
  assert.is(last?.exitCode, 0);
  return printed;
}

const whole = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join('');

const places = [
  {
    name: 'processes',
    start: async () => ({ system: await startSystem(['--driver', 'process']), image: 'host' }),
  },
  { name: 'containers', start: startDockerSystem },
];

for (const { name, start } of places) {
  const { system, image } = await start();
  const session = await startSession(system, image);
  const code = suite(`code in a session: ${name}`);
  const orrery = (...args: readonly string[]) => runOrrery(system.dataDirectory, ...args);

  code('keeps its state from one command to the next, and ends with its exit code', async () => {
    assert.is((await orrery('exec', session, '-c', 'x = 6')).code, 0);
    const shown = await orrery('exec', session, '-c', 'print(x * 7)');
    assert.is(shown.stdout, '42\n', shown.stderr);
    const failed = await orrery('exec', session, '-c', '1 / 0');
    assert.is(failed.code, 1);
    assert.match(failed.stderr, /ZeroDivisionError/);
    const completed = await orrery('complete', session, 'x.bit_len');
    assert.is(completed.stdout, 'x.bit_length\n', completed.stderr);
  });

  code('runs in the shell of any image', async () => {
    const shown = await orrery('exec', session, '-l', 'shell', '-c', 'y=5; echo $y; pwd');
    assert.match(shown.stdout, /^5\n\/.*work\n$/, shown.stderr);
  });

  code('is interrupted from another command', async () => {
    const { code: api } = system.client;
    const call = { sessionId: session, runId: `loop-${name}`, flushMs: 500 } as const;
    const begun = await api.execute({ ...call, mode: 'QUERY', code: 'while True: pass' });
    assert.is(begun.status, 'continued');
    assert.is((await orrery('interrupt', session)).code, 0);
    const ended = await api.execute({ ...call, mode: 'CONTINUE', flushMs: 10_000 });
    assert.is(ended.status, 'finished');
    assert.match(JSON.stringify(ended.console), /KeyboardInterrupt/);
    const nothing = await orrery('interrupt', session);
    assert.match(nothing.stderr, /nothing runs/);
  });

  code('loses no line of its output when the gateway and then the agent are killed', async () => {
    const printed = await printsThrough(system, session);
    assert.is(printed.length, whole.length);
    assert.is(printed === whole, true);
    const shown = await orrery('exec', session, '-c', 'print(x)');
    assert.is(shown.stdout, '6\n', 'the interpreter outlived the agent');
  });

  code('leaves in the audit who ran what, and nothing of what it printed or was told', async () => {
    const { code: api } = system.client;
    const runId = `asked-${name}`;
    const asking = 'answer = input(); print(answer * 2)';
    await api.execute({ sessionId: session, mode: 'QUERY', runId, code: asking, flushMs: 5_000 });
    const call = { sessionId: session, runId, flushMs: 5_000 };
    const told = await api.execute({ ...call, mode: 'INPUT', code: 'hush' });
    assert.match(JSON.stringify(told.console), /hushhush/);
    assert.is((await orrery('session', 'exec', session, '--', 'true')).code, 0);
    const shown = await orrery('audit', 'show', `session:${session}`, '--json', '--limit', '1000');
    const entries = shown.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const used = entries.filter(({ commandType }) => commandType === 'note-use');
    const uses = used.flatMap(({ events }) => events.map(({ use }: { use: object }) => use));
    const asked = uses.filter((use) => use.runId === runId);
    assert.is(asked.length, 1, 'going on with a run is no run');
    assert.is(asked[0].text, asking);
    assert.ok(uses.some((use) => use.kind === 'program' && use.text === 'true'));
    assert.ok(used.every(({ actor }) => /^user:/.test(actor)));
    assert.not.match(shown.stdout, /hush/);
    const table = await orrery('audit', 'show', `session:${session}`, '--limit', '1000');
    assert.match(table.stdout, /session-used \(code\)/);
  });

  code('is refused with the field at fault, and in a session that is not there', async () => {
    const { client } = system;
    const refused = async (call: Parameters<typeof client.code.execute>[0]) => {
      try {
        await client.code.execute(call);
      } catch (error) {
        return error as { readonly code: string; readonly field?: string };
      }
      throw new Error('it was not refused');
    };
    const sessionId = '0190b0c8-0000-7000-8000-000000000001';
    assert.is((await refused({ sessionId, mode: 'QUERY' })).code, 'session-not-found');
    const unnamed = await refused({ sessionId: session, mode: 'CONTINUE' });
    assert.equal([unnamed.code, unnamed.field], ['input-invalid', 'runId']);
    const unknown = await refused({ sessionId: session, mode: 'CONTINUE', runId: 'never' });
    assert.is(unknown.code, 'run-not-found');
    const wrong = await refused({ sessionId: session, mode: 'BATCH' });
    assert.equal([wrong.code, wrong.field], ['input-invalid', 'options']);
  });

  code.after(async () => {
    await orrery('session', 'rm', '--force', session);
    await system[Symbol.asyncDispose]();
  });
  code.run();
}
