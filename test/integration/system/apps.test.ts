import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findFreePort } from '../../../deploy/embedded/port.ts';
import { ClientError } from '../../../gateway/client/errors.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { type StartedSystem, startSystem } from '../../environment/system.ts';
import { connectAsUser } from '../../environment/user.ts';
import { read, send, type Visitor, visit } from './app-visitor.ts';

const MIB = 1024 * 1024;
const LARGE_BYTES = 64 * MIB;
const ENDED_MS_MAX = 30_000;

/** A program of the user's own, which shows what reaches it. */
const server = (port: number): string => `
const { createServer } = require('node:http');
const { createHash } = require('node:crypto');
const MIB = 1024 * 1024;
globalThis.given = 0;
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x');
  if (pathname === '/upload') {
    const hash = createHash('sha256');
    for await (const piece of request) hash.update(piece);
    response.end(hash.digest('hex'));
  } else if (pathname === '/refuse') {
    response.writeHead(413).end('too large');
    request.resume();
  } else if (pathname === '/endless') {
    const piece = Buffer.alloc(64 * 1024);
    while (!response.destroyed) {
      given += piece.length;
      if (!response.write(piece)) await new Promise((resolve) => { response.once('drain', resolve); response.once('close', resolve); });
    }
  } else if (pathname === '/pieces') {
    response.write('first\\n');
    globalThis.more = (text) => response.write(text);
  } else if (pathname === '/away') {
    response.writeHead(302, { location: '/there?a=1', 'set-cookie': ['own=1; Path=/', 'other=2; Path=/x'] }).end();
  } else if (pathname === '/broken') {
    request.socket.destroy();
  } else {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
  }
});
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\nhello ');
  socket.pipe(socket);
});
await new Promise((resolve) => server.listen(${port}, '127.0.0.1', resolve));
`;

interface Bench {
  readonly system: StartedSystem;
  readonly sessionId: string;
  readonly port: number;
}

let bench: Bench;
let visitor: Visitor;

async function startSession({ client }: StartedSystem, ports: readonly number[]): Promise<string> {
  const { session } = await client.createSession({
    type: 'INTERACTIVE',
    image: 'host',
    cpu: '0.5',
    memory: '256m',
    preopenPorts: ports,
  });
  for await (const { status } of client.sessionEvents({ id: session.id }))
    if (status === 'RUNNING') break;
  return session.id;
}

async function run(code: string): Promise<string> {
  const { system, sessionId } = bench;
  let text = '';
  const asked = { sessionId, mode: 'QUERY', language: 'NODE', code } as const;
  for await (const { console } of system.client.code.run({ ...asked, answer: async () => '' }))
    for (const [kind, content] of console) if (kind !== 'log') text += String(content);
  return text;
}

async function openAddress(): Promise<string> {
  const { system, sessionId, port } = bench;
  const { url } = await system.client.apps.open({ sessionId, app: String(port) });
  return url;
}

async function* zeros(bytes: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes; at += MIB) yield Buffer.alloc(MIB);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
  return 'nothing';
}

const apps = suite('apps: through the gateway to a program of the user');

apps.before(async () => {
  const system = await startSystem(['--driver', 'process']);
  const port = await findFreePort();
  const sessionId = await startSession(system, [port]);
  bench = { system, sessionId, port };
});
apps.after(async () => {
  await bench.system[Symbol.asyncDispose]();
});

apps('a port is not opened before something answers there', async () => {
  const { system, sessionId, port } = bench;
  assert.is(await refusal(openAddress()), 'app-not-answering');
  const { apps: listed } = await system.client.apps.list(sessionId);
  const found = listed.find(({ name }) => name === String(port));
  assert.equal([found?.state, found?.isAnswering], ['STOPPED', false]);
  assert.is(await run(server(port)), '');
  const ls = await runOrrery(system.dataDirectory, 'app', 'ls', sessionId);
  assert.match(ls.stdout, new RegExp(`${port} +preopen +${port} +running +yes +session`));
});

apps('an address lets in once it is taken for a cookie of that app alone', async () => {
  const address = await openAddress();
  const entry = await read(await send(address, {}));
  assert.is(entry.status, 303);
  const base = `/apps/${bench.sessionId}/${bench.port}/`;
  assert.is(entry.headers.location, base);
  const [cookie = ''] = entry.headers['set-cookie'] ?? [];
  assert.match(cookie, new RegExp(`; Path=${base}; Max-Age=43200; HttpOnly; SameSite=Lax$`));
  visitor = await visit(address);
  const { text } = await visitor.get('tree?a=1&b=%20', {
    headers: { cookie: `own=1; ${visitor.cookie}` },
  });
  const { method, url, headers } = JSON.parse(text);
  assert.equal([method, url], ['GET', '/tree?a=1&b=%20']);
  assert.is(headers.cookie, 'own=1');
  assert.is(headers['x-forwarded-prefix'], base.slice(0, -1));
  assert.is(headers['x-forwarded-host'], headers.host);
  assert.is(headers['x-forwarded-for'], '127.0.0.1');
  const bare = await visitor.get(base.slice(0, -1));
  assert.equal([bare.status, bare.headers.location], [308, base]);
});

apps('nobody gets in without it, with a token of another kind, or into another app', async () => {
  const { system, sessionId } = bench;
  const get = async (path: string, cookie: string) =>
    read(await send(`${system.endpoint}${path}`, { headers: { cookie } }));
  const token = visitor.cookie.split('=')[1];
  const address = new URL(await openAddress());
  const entry = address.searchParams.get('orrery-entry');
  for (const [path, cookie] of [
    [`/apps/${sessionId}/${bench.port}/`, ''],
    [`/apps/${sessionId}/${bench.port}/`, 'orrery-app=nonsense'],
    [`/apps/${sessionId}/${bench.port}/`, `orrery-app=${entry}`],
    [`/apps/${sessionId}/${bench.port}/?orrery-entry=${token}`, ''],
    [`/apps/${sessionId}/terminal/`, visitor.cookie],
    [
      `/apps/${sessionId.replace(/^./, (c) => (c === '0' ? '1' : '0'))}/${bench.port}/`,
      visitor.cookie,
    ],
  ] as const) {
    const { status, text } = await get(path, cookie);
    assert.is(status, 401, path);
    assert.is(JSON.parse(text).code, 'TICKET_INVALID');
  }
});

apps("somebody else's session is as good as none", async () => {
  const { system, sessionId, port } = bench;
  await using other = await connectAsUser(system, 'other@example.test');
  const absent = '0190b0c8-0000-7000-8000-00000000ffff';
  for (const id of [sessionId, absent]) {
    const call = { sessionId: id, app: String(port) };
    assert.is(await refusal(other.apps.open(call)), 'session-not-found');
    assert.is(await refusal(other.apps.start(call)), 'session-not-found');
    assert.is(await refusal(other.apps.stop(call)), 'session-not-found');
    assert.is(await refusal(other.apps.list(id)), 'session-not-found');
  }
});

apps('addresses and cookies of the app stay within it', async () => {
  const { status, headers } = await visitor.get('away');
  const { pathname: base } = new URL(visitor.base);
  assert.is(status, 302);
  assert.is(headers.location, `${base}there?a=1`);
  assert.equal(headers['set-cookie'], [`own=1; Path=${base}`, `other=2; Path=${base}x`]);
});

apps('a large body passes whole, and an answer comes piece by piece', async () => {
  const hash = createHash('sha256');
  for await (const piece of zeros(LARGE_BYTES)) hash.update(piece);
  const sent = await visitor.open('upload', { method: 'POST' }, zeros(LARGE_BYTES));
  assert.is((await read(sent)).text, hash.digest('hex'));
  const answer = await visitor.open('pieces');
  const pieces = answer[Symbol.asyncIterator]();
  assert.is(String((await pieces.next()).value), 'first\n');
  await run("more('second\\n'); undefined");
  assert.is(String((await pieces.next()).value), 'second\n');
  await pieces.return?.();
});

apps('a refusal of half an upload is the answer', async () => {
  const { status, text } = await read(
    await visitor.open('refuse', { method: 'PUT' }, zeros(4 * MIB)),
  );
  assert.equal([status, text], [413, 'too large']);
});

apps('who does not read holds back the program, and is not waited for when gone', async () => {
  const answer = await visitor.open('endless');
  answer.pause();
  const given = async (): Promise<number> => Number(await run('given'));
  let before = -1;
  for (let now = await given(); now !== before; now = await given()) before = now;
  assert.ok(before < 32 * MIB, `${before} bytes are on their way`);
  void answer.destroy();
  await run('undefined');
});

apps('another protocol is spoken over the connection, both ways', async () => {
  const { answer, socket } = await visitor.upgrade('ws');
  assert.is(answer.statusCode, 101);
  let text = '';
  socket.on('data', (piece) => {
    text += String(piece);
  });
  socket.write('world');
  const deadlineMs = systemClock.nowMs() + ENDED_MS_MAX;
  while (text !== 'hello world') {
    assert.ok(systemClock.nowMs() < deadlineMs, text);
    await setImmediate();
  }
  socket.destroy();
});

apps('an app that breaks off, or does not run, is told in our form and as a page', async () => {
  const broken = await visitor.get('broken');
  assert.equal([broken.status, JSON.parse(broken.text).code], [502, 'APP_BROKEN']);
  const { system, sessionId } = bench;
  assert.is(await refusal(system.client.apps.open({ sessionId, app: 'terminal' })), 'app-not-http');
  assert.is(await refusal(system.client.apps.start({ sessionId, app: 'none' })), 'app-unknown');
  assert.is(await refusal(system.client.apps.start({ sessionId, app: 'no/ne' })), 'input-invalid');
  await run(
    'await new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); })',
  );
  const { status, text } = await visitor.get('');
  assert.equal([status, JSON.parse(text).code], [503, 'APP_NOT_RUNNING']);
  const page = await visitor.get('', { headers: { accept: 'text/html', cookie: visitor.cookie } });
  assert.match(page.text, /<h1>The app does not run\.<\/h1>/);
  await run(`await new Promise((resolve) => server.listen(${bench.port}, '127.0.0.1', resolve))`);
  assert.is((await visitor.get('')).status, 200);
});

apps('what was opened is in the audit, with who did it', async () => {
  const { system, sessionId } = bench;
  const { stdout } = await runOrrery(system.dataDirectory, 'audit', 'show', sessionId, '--json');
  assert.match(stdout, /app-started/);
  assert.match(stdout, /app-opened/);
  assert.not.match(stdout, /orrery-entry/);
});

apps('what lasts ends with the session, and then nobody comes in', async () => {
  const { system, sessionId } = bench;
  const { socket } = await visitor.upgrade('ws');
  socket.resume();
  const ended = once(socket, 'close', { signal: AbortSignal.timeout(ENDED_MS_MAX) });
  await runOrrery(system.dataDirectory, 'session', 'rm', sessionId);
  await ended;
  const deadlineMs = systemClock.nowMs() + ENDED_MS_MAX;
  let answer = await visitor.get('');
  while (answer.status !== 409) {
    assert.ok(systemClock.nowMs() < deadlineMs, `${answer.status} ${answer.text}`);
    answer = await visitor.get('');
  }
  assert.is(JSON.parse(answer.text).code, 'SESSION_NOT_RUNNING');
});

apps.run();
