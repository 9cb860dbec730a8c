import { systemClock } from '@orrery/bus';
import { type Client, createClient } from 'graphql-ws';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { noteUse } from '../../../gateway/inside/note-use.ts';
import { startGateway } from './gateway-fixture.ts';

const WAIT_MS_MAX = 10_000;
const fixture = await startGateway();
const address = (await fixture.listen()).replace(/^http/, 'ws');

interface Socket {
  readonly client: Client;
  /** Cuts the connection as a lost network does. */
  cut(): void;
}

function connect(connectionParams: Record<string, unknown> = { token: fixture.token }): Socket {
  const sockets: WebSocket[] = [];
  class Opened extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const url = `${address}/graphql`;
  const client = createClient({ url, webSocketImpl: Opened, connectionParams, retryAttempts: 0 });
  const cut = (): void => {
    for (const socket of sockets) socket.terminate();
  };
  return { client, cut };
}

interface Session {
  readonly id: string;
  readonly kernels: readonly { readonly id: string }[];
}

async function createBatch(): Promise<Session> {
  const query = `mutation { createSession(input: { type: BATCH, command: ["true"] }) {
    session { id kernels { id } } rejection { message } } }`;
  const { body } = await fixture.graphql(query);
  const payload = body.data?.['createSession'] as { session: Session | null } | undefined;
  if (!payload?.session) throw new Error(JSON.stringify(body));
  return payload.session;
}

interface Event {
  readonly revision: number;
  readonly type: string;
  readonly status: string | null;
  readonly kernelId: string | null;
  readonly kernelStatus: string | null;
  readonly details: object;
}

const EVENTS = `subscription ($id: ID!, $from: Int!) {
  sessionEvents(id: $id, fromRevision: $from) { revision type status kernelId kernelStatus recordedAt details }
}`;

/** Reads events until one of `status`, or the end. */
async function readEvents(
  { client }: Socket,
  { id, from, until }: { readonly id: string; readonly from: number; readonly until?: string },
): Promise<readonly Event[]> {
  const events: Event[] = [];
  const items = client.iterate<{ readonly sessionEvents: Event }>({
    query: EVENTS,
    variables: { id, from },
  });
  for await (const { data, errors } of items) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    if (data?.sessionEvents == null) continue;
    events.push(data.sessionEvents);
    if (data.sessionEvents.status === until) break;
  }
  return events;
}

/** Resolves once the gateway counts so many open subscriptions. */
async function hasOpen(name: string, count: number): Promise<void> {
  const line = `orrery_gateway_subscriptions{operation="Subscription.${name}"} ${count}\n`;
  const deadline = AbortSignal.timeout(WAIT_MS_MAX);
  while (!(await fixture.app.inject({ url: '/metrics' })).body.includes(line))
    await systemClock.sleep(5, deadline);
}

const LIFE = [
  'PENDING',
  'SCHEDULED',
  'PREPARING',
  'PREPARED',
  'CREATING',
  'RUNNING',
  'TERMINATING',
  'TERMINATED',
];

const events = suite('subscriptions: events of a session');

events('come in order, once each, through two cut connections, and then end', async () => {
  const { id, kernels } = await createBatch();
  const first = connect();
  const begun = await readEvents(first, { id, from: 1, until: 'PREPARING' });
  first.cut();
  const second = connect();
  const seen = await readEvents(second, { id, from: begun.length + 1, until: 'RUNNING' });
  second.cut();
  await fixture.agent.finish(kernels[0]?.id ?? '', 0);
  const rest = await readEvents(connect(), { id, from: begun.length + seen.length + 1 });
  const all = [...begun, ...seen, ...rest];
  const revisions = all.map(({ revision }) => revision);
  assert.equal(
    revisions,
    revisions.map((_, index) => index + 1),
  );
  const statuses = all.flatMap(({ status }) => (status === null ? [] : [status]));
  assert.equal(statuses, LIFE);
  const ofKernel = all.filter(({ kernelStatus }) => kernelStatus === 'RUNNING');
  assert.equal(
    ofKernel.map(({ kernelId }) => kernelId),
    [kernels[0]?.id],
  );
});

events('of a session that is over are all there, and the row is as new as the end', async () => {
  const { id } = await createBatch();
  const socket = connect();
  const end = `mutation ($id: ID!) { terminateSession(input: { id: $id, mode: FORCE }) { rejection { code } } }`;
  await fixture.graphql(end, { id });
  const watched = await readEvents(socket, { id, from: 1 });
  const { body } = await fixture.graphql('query ($id: ID!) { session(id: $id) { revision } }', {
    id,
  });
  assert.equal(body.data, { session: { revision: watched.at(-1)?.revision } });
  assert.equal(await readEvents(connect(), { id, from: 1 }), watched);
  assert.equal(await readEvents(connect(), { id, from: watched.length + 1 }), []);
});

events('of an unknown session end with a code that says so', async () => {
  const id = '0190b0c8-0000-7000-8000-00000000dead';
  const failure = await readEvents(connect(), { id, from: 1 }).then(String, String);
  assert.match(failure, /SESSION_NOT_FOUND/);
});

events(
  'that are not wanted any more are not sent, and the subscription is counted out',
  async () => {
    const { id } = await createBatch();
    await readEvents(connect(), { id, from: 1, until: 'PENDING' });
    await hasOpen('sessionEvents', 0);
  },
);

events.run();

const changes = suite('subscriptions: changes of sessions');

interface Change {
  readonly cursor: string;
  readonly session: { readonly id: string; readonly status: string; readonly revision: number };
}

const CHANGES = `subscription ($filter: SessionFilter, $after: String) {
  sessionsChanged(filter: $filter, after: $after) {
    cursor session { id status revision owner { email } kernels { status } }
  }
}`;

/** Reads changes until `isEnough`. */
async function readChanges(
  variables: object,
  isEnough: (changes: readonly Change[]) => boolean,
): Promise<readonly Change[]> {
  const seen: Change[] = [];
  const socket = connect();
  const items = socket.client.iterate<{ readonly sessionsChanged: Change }>({
    query: CHANGES,
    variables: { ...variables },
  });
  for await (const { data, errors } of items) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    if (data?.sessionsChanged == null) continue;
    seen.push(data.sessionsChanged);
    if (isEnough(seen)) break;
  }
  socket.cut();
  return seen;
}

changes('are the same when read again after any cursor', async () => {
  const { id, kernels } = await createBatch();
  await readEvents(connect(), { id, from: 1, until: 'RUNNING' });
  await fixture.agent.finish(kernels[0]?.id ?? '', 3);
  const isOver = (seen: readonly Change[]): boolean =>
    seen.some(({ session }) => session.id === id && session.status === 'TERMINATED');
  const all = await readChanges({ after: '0' }, isOver);
  for (const [index, { cursor }] of all.entries()) {
    if (index === all.length - 1) break;
    assert.equal(await readChanges({ after: cursor }, isOver), all.slice(index + 1));
  }
  const ours = all.filter(({ session }) => session.id === id);
  assert.equal(ours.at(0)?.session.status, 'PENDING');
  const revisions = ours.map(({ session }) => session.revision);
  assert.equal(
    revisions,
    revisions.toSorted((left, right) => left - right),
  );
  assert.is(new Set(revisions).size, revisions.length);
});

changes('are taken by the filter', async () => {
  const filter = { statuses: ['RUNNING'] };
  const seen = await readChanges({ filter, after: '0' }, ({ length }) => length >= 2);
  assert.ok(seen.every(({ session }) => session.status === 'RUNNING'));
});

changes('what people do inside a session is none', async () => {
  const { id, kernels } = await createBatch();
  await readEvents(connect(), { id, from: 1, until: 'RUNNING' });
  const visitor = { session: id, userId: 'somebody', traceparent: undefined };
  const use = { kind: 'file-removed', path: 'a', isRecursive: false } as const;
  await noteUse(fixture.gateway, visitor, use);
  await fixture.agent.finish(kernels[0]?.id ?? '', 0);
  const events = await readEvents(connect(), { id, from: 1 });
  const used = events.find(({ type }) => type === 'session-used');
  const all = await readChanges({ after: '0' }, (seen) =>
    seen.some(({ session }) => session.id === id && session.status === 'TERMINATED'),
  );
  const ours = all.filter(({ session }) => session.id === id);
  assert.ok(used !== undefined);
  assert.not(ours.some(({ session }) => session.revision === used.revision));
  assert.is(ours.at(-1)?.session.status, 'TERMINATED');
});

changes('from now on hold nothing old', async () => {
  await hasOpen('sessionsChanged', 0);
  const reading = readChanges({}, ({ length }) => length >= 1);
  await hasOpen('sessionsChanged', 1);
  const { id } = await createBatch();
  const [first] = await reading;
  assert.is(first?.session.id, id);
});

changes('after a cursor that was never given are refused', async () => {
  const failure = await readChanges({ after: 'soon' }, () => true).then(String, String);
  assert.match(failure, /INPUT_INVALID/);
});

changes.run();

const connecting = suite('subscriptions: connecting');

function closing({ client }: Socket): Promise<{ readonly code: number; readonly reason: string }> {
  return new Promise((resolve, reject) => {
    client.on('closed', (event) => resolve(event as { code: number; reason: string }));
    client.subscribe({ query: CHANGES }, { next() {}, error() {}, complete() {} });
    AbortSignal.timeout(WAIT_MS_MAX).addEventListener('abort', () =>
      reject(new Error('not closed')),
    );
  });
}

connecting('without a token, or with a bad one, is refused with a reason', async () => {
  const anonymous = await closing(connect({}));
  assert.is(anonymous.code, 4401);
  assert.match(anonymous.reason, /^UNAUTHENTICATED: /);
  const forged = await closing(connect({ token: 'a.b.c' }));
  assert.is(forged.code, 4401);
  assert.match(forged.reason, /^TOKEN_INVALID: /);
});

connecting('a subscription nested too deep or unknown is refused before it starts', async () => {
  const first = async (query: string): Promise<string> => {
    for await (const item of connect().client.iterate({ query })) return JSON.stringify(item);
    return '';
  };
  const deep = `subscription { sessionEvents(id: "x") ${'{ details '.repeat(30)}{ a }${' }'.repeat(30)} }`;
  const told = await first(deep).catch((error) => JSON.stringify(error));
  assert.match(told, /QUERY_TOO_DEEP/, told);
  const unknown = 'subscription { nothing }';
  assert.match(await first(unknown).catch((error) => JSON.stringify(error)), /QUERY_INVALID/);
});

connecting.run();

const logs = suite('subscriptions: logs');

async function readLog(
  variables: object,
): Promise<readonly { data: string; isLast: boolean; offset: number }[]> {
  const query = `subscription ($id: ID!, $offset: Float!) {
    sessionLogs(id: $id, offset: $offset) { offset source data isLast } }`;
  const chunks: { data: string; isLast: boolean; offset: number }[] = [];
  for await (const { data, errors } of connect().client.iterate({
    query,
    variables: { ...variables },
  })) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    if (data?.['sessionLogs']) chunks.push(data['sessionLogs'] as never);
  }
  return chunks;
}

logs('come from the agent from any byte, and tell their end', async () => {
  const { id } = await createBatch();
  const text = (chunks: readonly { data: string }[]): string =>
    Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64'))).toString();
  const whole = await readLog({ id, offset: 0 });
  assert.is(text(whole), 'hello log');
  assert.equal([whole.at(-1)?.isLast, whole.at(-1)?.offset], [true, 9]);
  assert.is(text(await readLog({ id, offset: 6 })), 'log');
});

logs.run();

const executing = suite('exec: a program in a session');

const EXEC = `mutation ($id: ID!) {
  execInSession(id: $id, command: ["cat"]) { ticket { url expiresAt } rejection { code field } }
}`;

/** Sends frames once the socket is open; gives everything received until it closes. */
function talk(
  url: string,
  frames: readonly unknown[],
): Promise<{ readonly received: readonly Record<string, unknown>[]; readonly code: number }> {
  return new Promise((resolve, reject) => {
    const received: Record<string, unknown>[] = [];
    const socket = new WebSocket(`${address}${url}`);
    socket.on('open', () => {
      for (const frame of frames)
        socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    });
    socket.on('message', (message) => received.push(JSON.parse(String(message))));
    socket.on('close', (code) => resolve({ received, code }));
    socket.on('error', reject);
  });
}

async function ticketFor(id: string): Promise<string> {
  const { body } = await fixture.graphql(EXEC, { id });
  const payload = body.data?.['execInSession'] as { ticket: { url: string } | null } | undefined;
  if (!payload?.ticket) throw new Error(JSON.stringify(body));
  return payload.ticket.url;
}

executing(
  'input goes in, output and the exit code come out, and the ticket is good once',
  async () => {
    const { id, kernels } = await createBatch();
    await readEvents(connect(), { id, from: 1, until: 'RUNNING' });
    const url = await fixture.gateway.progress
      .reached(await fixture.bus.log.lastSequence(), AbortSignal.timeout(WAIT_MS_MAX))
      .then(() => ticketFor(id));
    const data = Buffer.from('x'.repeat(50_000)).toString('base64');
    const input = Array.from({ length: 100 }, () => ({ kind: 'input', data }));
    const { received, code } = await talk(url, [...input, { kind: 'end-of-input' }]);
    assert.is(code, 1000);
    assert.is(received.filter(({ kind }) => kind === 'output').length, 100);
    assert.equal(received[0], { kind: 'output', source: 'stdout', data });
    assert.equal(received.at(-1), { kind: 'exit', exitCode: 7 });
    const again = await talk(url, []);
    assert.is(again.code, 4401);
    assert.is(again.received[0]?.['code'], 'TICKET_INVALID');
    await fixture.agent.finish(kernels[0]?.id ?? '', 0);
    const events = await readEvents(connect(), { id, from: 1 });
    const uses = events.filter(({ type }) => type === 'session-used');
    assert.is(uses.length, 1, 'what was run is written down, and who was refused ran nothing');
    assert.match(JSON.stringify(uses[0]?.details), /"kind":"program","text":"cat"/);
  },
);

executing('a frame that is none is told, and ends it', async () => {
  const { id } = await createBatch();
  await readEvents(connect(), { id, from: 1, until: 'RUNNING' });
  await fixture.gateway.progress.reached(
    await fixture.bus.log.lastSequence(),
    AbortSignal.timeout(WAIT_MS_MAX),
  );
  const { received } = await talk(await ticketFor(id), ['no JSON']);
  assert.equal(received.at(-1)?.['code'], 'INPUT_INVALID');
});

executing('in a session that does not run is refused', async () => {
  const { id } = await createBatch();
  await fixture.graphql(
    'mutation ($id: ID!) { terminateSession(input: { id: $id, mode: FORCE }) { rejection { code } } }',
    { id },
  );
  await readEvents(connect(), { id, from: 1 });
  const { body } = await fixture.graphql(EXEC, { id });
  assert.equal(body.data, {
    execInSession: { ticket: null, rejection: { code: 'session-not-running', field: 'id' } },
  });
});

executing.run();

const stopping = suite('gateway: stopping');

stopping('sends the readers away with a code that says to come back', async () => {
  const socket = connect();
  const closed = closing(socket);
  await new Promise<void>((resolve) => socket.client.on('connected', () => resolve()));
  await fixture.app.close();
  assert.is((await closed).code, 1012);
});

stopping.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
stopping.run();
