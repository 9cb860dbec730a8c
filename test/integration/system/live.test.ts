import { type Client, createClient } from 'graphql-ws';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { tokenOf } from '../../environment/sign-in.ts';

const STATUSES = [
  'PENDING',
  'SCHEDULED',
  'PREPARING',
  'PREPARED',
  'CREATING',
  'RUNNING',
  'TERMINATING',
  'TERMINATED',
];
const QUERY = `subscription ($id: ID!, $from: Int!) {
  sessionEvents(id: $id, fromRevision: $from) { revision type status }
}`;

interface Seen {
  readonly revision: number;
  readonly type: string;
  readonly status: string | null;
}

const { system, image } = await startDockerSystem();
const token = await tokenOf(system);

/** A client with its own socket, which can be cut. */
function openClient(): { readonly client: Client; cut(): void } {
  const sockets: WebSocket[] = [];
  class Socket extends WebSocket {
    constructor(address: string, protocols: string | string[]) {
      super(address, protocols);
      sockets.push(this);
    }
  }
  const url = `${system.endpoint.replace(/^http/, 'ws')}/graphql`;
  const client = createClient({
    url,
    webSocketImpl: Socket,
    connectionParams: { token },
    retryAttempts: 0,
  });
  return {
    client,
    cut: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

/** Reads until the session is over or `stopAt` came, then cuts the socket. */
async function readFrom(id: string, from: number, stopAt?: string): Promise<readonly Seen[]> {
  const { client, cut } = openClient();
  const seen: Seen[] = [];
  const events = client.iterate<{ readonly sessionEvents: Seen }>({
    query: QUERY,
    variables: { id, from },
  });
  for await (const { data, errors } of events) {
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    if (data?.sessionEvents === undefined) continue;
    seen.push(data.sessionEvents);
    if (data.sessionEvents.status === stopAt || data.sessionEvents.status === 'TERMINATED') break;
  }
  cut();
  return seen;
}

const live = suite('subscriptions: the events of a session');

live('come in order, once each, also when the socket is cut twice on the way', async () => {
  const { session } = await system.client.createSession({
    type: 'BATCH',
    image,
    command: ['sh', '-c', 'sleep 1'],
    cpu: '0.1',
    memory: '64m',
  });
  const first = await readFrom(session.id, 1, 'PREPARING');
  const second = await readFrom(session.id, (first.at(-1)?.revision ?? 0) + 1, 'RUNNING');
  const third = await readFrom(session.id, (second.at(-1)?.revision ?? 0) + 1);
  const all = [...first, ...second, ...third];
  assert.equal(
    all.flatMap(({ status }) => (status === null ? [] : [status])),
    STATUSES,
  );
  assert.equal(
    all.map(({ revision }) => revision),
    all.map((_, index) => index + 1),
  );
});

live('are all there for a client that comes when it is over', async () => {
  const { session } = await system.client.createSession({
    type: 'BATCH',
    image,
    command: ['true'],
    cpu: '0.1',
    memory: '64m',
  });
  const watched = await readFrom(session.id, 1);
  assert.equal(await readFrom(session.id, 1), watched);
});

live('changes of many sessions resume after a cursor without gap or double', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  let cursor: string | undefined;
  const create = () =>
    system.client.createSession({
      type: 'BATCH',
      image,
      command: ['true'],
      cpu: '0.1',
      memory: '64m',
      name: 'resumed-changes',
    });
  const { session } = await create();
  for await (const change of system.client.sessionsChanged(
    { filter: { name: 'resumed-changes' }, after: '0' },
    stop.signal,
  )) {
    seen.push(change.session.id);
    cursor = change.cursor;
    break;
  }
  assert.equal([...new Set(seen)], [session.id]);
  const statuses: string[] = [];
  for await (const change of system.client.sessionsChanged(
    { filter: { name: 'resumed-changes' }, after: cursor ?? '0' },
    stop.signal,
  )) {
    statuses.push(change.session.status);
    if (change.session.status === 'TERMINATED') break;
  }
  assert.is(statuses.at(-1), 'TERMINATED');
  stop.abort();
});

live.after(async () => {
  await system[Symbol.asyncDispose]();
});
live.run();
