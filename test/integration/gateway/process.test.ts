import { createClient } from 'graphql-ws';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { tokenOf } from '../../environment/sign-in.ts';
import { startSystem } from '../../environment/system.ts';

const WAIT_MS_MAX = 60_000;
const LINES = 60;

const system = await startSystem(['--driver', 'process']);
const token = await tokenOf(system);

function kill(name: string, signal: NodeJS.Signals): void {
  const pid = system.pids()[name];
  assert.ok(pid, `${name} runs`);
  if (pid !== undefined) process.kill(pid, signal);
}

const streams = suite('gateway process: streams from an agent');

streams(
  'a followed log has neither gap nor double when the agent dies and comes back',
  async () => {
    const program = `for i in $(seq 1 ${LINES}); do echo line $i; sleep 0.05; done`;
    const { session } = await system.client.createSession({
      type: 'BATCH',
      command: ['sh', '-c', program],
      cpu: '0.1',
      memory: '64m',
    });
    let text = '';
    let isLast = false;
    let wasKilled = false;
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    const url = `${system.endpoint.replace(/^http/, 'ws')}/graphql`;
    const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: { token } });
    const query = `subscription ($id: ID!) { sessionLogs(id: $id) { offset data isLast } }`;
    const chunks = client.iterate<{
      sessionLogs: { offset: number; data: string; isLast: boolean };
    }>({
      query,
      variables: { id: session.id },
    });
    for await (const { data, errors } of chunks) {
      signal.throwIfAborted();
      assert.is(errors, undefined, JSON.stringify(errors));
      if (data == null) continue;
      text += Buffer.from(data.sessionLogs.data, 'base64').toString();
      assert.is(data.sessionLogs.offset, Buffer.byteLength(text));
      isLast = data.sessionLogs.isLast;
      if (!wasKilled && text.includes('line 5\n')) {
        wasKilled = true;
        kill('agent', 'SIGKILL');
      }
    }
    await client.dispose();
    const expected = Array.from({ length: LINES }, (_, index) => `line ${index + 1}\n`).join('');
    assert.is(text, expected);
    assert.ok(isLast && wasKilled);
  },
);

streams('a program run inside gives back what it was given, and its exit code', async () => {
  const { session } = await system.client.createSession({
    type: 'INTERACTIVE',
    cpu: '0.1',
    memory: '64m',
  });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'RUNNING') break;
  const response = await fetch(`${system.endpoint}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      query:
        'mutation ($id: ID!) { execInSession(id: $id, command: ["sh", "-c", "cat; exit 5"]) { ticket { url } rejection { code } } }',
      variables: { id: session.id },
    }),
  });
  const { data } = (await response.json()) as {
    data: { execInSession: { ticket: { url: string } } };
  };
  const socket = new WebSocket(
    `${system.endpoint.replace(/^http/, 'ws')}${data.execInSession.ticket.url}`,
  );
  const received: { kind: string; data?: string; exitCode?: number }[] = [];
  socket.on('open', () => {
    const text = Buffer.from('to and fro\n').toString('base64');
    socket.send(JSON.stringify({ kind: 'input', data: text }));
    socket.send(JSON.stringify({ kind: 'end-of-input' }));
  });
  socket.on('message', (message) => received.push(JSON.parse(String(message))));
  const code = await new Promise((resolve) => socket.on('close', resolve));
  assert.is(code, 1000, JSON.stringify(received));
  const output = received.flatMap((frame) => (frame.kind === 'output' ? [frame.data ?? ''] : []));
  assert.is(Buffer.from(output.join(''), 'base64').toString(), 'to and fro\n');
  assert.equal(received.at(-1), { kind: 'exit', exitCode: 5 });
  // Its kernel sleeps in a process of its own, which outlives the agent.
  await system.client.terminateSession({ id: session.id, mode: 'FORCE' });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') break;
});

streams.run();

const ending = suite('gateway process: its end');

ending('on SIGTERM it sends readers away with 1012, and it is back soon after', async () => {
  const url = `${system.endpoint.replace(/^http/, 'ws')}/graphql`;
  const options = { url, webSocketImpl: WebSocket, connectionParams: { token }, retryAttempts: 0 };
  const onNonLazyError = (): void => undefined;
  const client = createClient({ ...options, lazy: false, onNonLazyError });
  const closed = new Promise((resolve) => client.on('closed', resolve));
  await new Promise<void>((resolve) => client.on('connected', () => resolve()));
  kill('gateway', 'SIGTERM');
  assert.is(((await closed) as { code: number }).code, 1012);
  const status = await system.client.status();
  assert.ok(status.logSequence > 0);
});

ending.after(async () => {
  await system[Symbol.asyncDispose]();
});
ending.run();
