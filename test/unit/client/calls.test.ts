import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../../gateway/client/client.ts';
import { ClientError, NotFound, OperationRefused } from '../../../gateway/client/errors.ts';
import { waitMs } from '../../../gateway/client/patience.ts';
import { ACCESS_KEY, FakeGateway, SECRET_KEY } from './fake-gateway.ts';
import { FakeState, fakeSession, SESSION_ID } from './fake-state.ts';

const keys = { accessKey: ACCESS_KEY, secretKey: SECRET_KEY };

async function failureOf(work: Promise<unknown>): Promise<ClientError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

const calls = suite('client: calls');

calls('a key pair signs in once for many calls', async () => {
  await using gateway = await FakeGateway.start(new FakeState());
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  assert.is((await client.viewer()).email, 'admin@orrery.test');
  await Promise.all([client.viewer(), client.viewer()]);
  assert.is(gateway.requests.filter((request) => request === 'POST /auth/token').length, 1);
});

calls('a token that the gateway has forgotten is replaced', async () => {
  await using gateway = await FakeGateway.start(new FakeState());
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  await client.viewer();
  await gateway.restart();
  assert.is((await client.viewer()).email, 'admin@orrery.test');
});

calls('a wrong secret key is refused with the code of the gateway', async () => {
  await using gateway = await FakeGateway.start(new FakeState());
  await using client = connect({ endpoint: gateway.endpoint, ...keys, secretKey: 'wrong' });
  const failure = await failureOf(client.viewer());
  assert.is(failure.name, 'SignInRefused');
  assert.is(failure.code, 'auth-failed');
});

calls('nobody listening is told at once', async () => {
  const gateway = await FakeGateway.start(new FakeState());
  await gateway.stop();
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  const failure = await failureOf(client.viewer());
  assert.is(failure.code, 'client.gateway-unreachable');
  assert.match(failure.message, /cannot be reached \(ECONNREFUSED\)/);
});

calls('a session is created once although the first answer was lost', async () => {
  const state = new FakeState();
  let isFirst = true;
  const create = state.operations['createSession'];
  const gateway = await FakeGateway.start(state, {
    operations: {
      createSession: (given) => {
        const payload = create?.(given);
        if (isFirst) gateway.cut();
        isFirst = false;
        return payload;
      },
    },
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  const { session, isCreated } = await client.createSession({ type: 'BATCH', command: ['true'] });
  assert.is(session.id, SESSION_ID);
  assert.is(isCreated, false);
  const [first, second] = state.created.map((input) => input['idempotencyKey']);
  assert.is(first, second);
  await gateway.stop();
});

calls('a rejection keeps its code, its field and its sentence', async () => {
  const rejection = { code: 'image-unknown', field: 'image', message: 'no image x', details: null };
  await using gateway = await FakeGateway.start(new FakeState(), {
    operations: { createSession: () => ({ session: null, isCreated: false, rejection }) },
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  const failure = await failureOf(client.createSession({ image: 'x' }));
  assert.instance(failure, OperationRefused);
  assert.equal(
    [failure.code, failure.field, failure.message],
    ['image-unknown', 'image', 'no image x'],
  );
});

calls('an absent session is undefined, and ending it is not found', async () => {
  await using gateway = await FakeGateway.start(new FakeState(), {
    operations: {
      terminateSession: () => ({
        session: null,
        rejection: { code: 'session-not-found', message: 'no such session', field: 'id' },
      }),
    },
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  assert.is(await client.findSession(SESSION_ID), undefined);
  const failure = await failureOf(client.terminateSession({ id: SESSION_ID, mode: 'GRACEFUL' }));
  assert.instance(failure, NotFound);
});

calls('a server that is no gateway is called so, without its page', async () => {
  const server = createServer((_, response) => response.end('<html>hello</html>'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using client = connect({ endpoint: `http://127.0.0.1:${port}`, token: 't' });
  const failure = await failureOf(client.viewer());
  assert.is(failure.code, 'client.response-unexpected');
  server.close();
  server.closeAllConnections();
});

calls('an endpoint that is no URL is refused by name', () => {
  assert.throws(
    () => connect({ endpoint: 'localhost:8090', token: 't' }),
    (error: unknown) => error instanceof ClientError && error.field === 'endpoint',
  );
});

calls('a signal ends a call with its reason', async () => {
  const state = new FakeState();
  await using gateway = await FakeGateway.start(state, {
    operations: { viewer: () => new Promise(() => {}) },
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  const stop = new AbortController();
  const call = client.viewer(stop.signal);
  stop.abort(new Error('enough'));
  try {
    await call;
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.message, 'enough');
  }
});

calls('the output and the exit code of a program come over one socket', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state, {
    operations: {
      execInSession: () => ({
        ticket: { url: '/exec?ticket=t', expiresAt: '2099-01-01T00:00:00.000Z' },
        rejection: null,
      }),
    },
    exec: (socket) => {
      const send = (frame: object): void => socket.send(JSON.stringify(frame));
      socket.on('message', (message) => {
        const frame = JSON.parse(String(message));
        if (frame.kind === 'input') send({ kind: 'output', source: 'stdout', data: frame.data });
        if (frame.kind === 'end-of-input') send({ kind: 'exit', exitCode: 7 });
      });
    },
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  using channel = await client.exec({ id: SESSION_ID, command: ['cat'] });
  channel.write(Buffer.from('hello'));
  channel.endInput();
  const frames = [];
  for await (const frame of channel.frames) {
    frames.push(frame.kind === 'output' ? Buffer.from(frame.data).toString() : frame.exitCode);
  }
  assert.equal(frames, ['hello', 7]);
});

calls('a program whose connection breaks is told as unreachable, not as ended', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state, {
    operations: {
      execInSession: () => ({
        ticket: { url: '/exec?ticket=t', expiresAt: '2099-01-01T00:00:00.000Z' },
        rejection: null,
      }),
    },
    exec: (socket) => socket.terminate(),
  });
  await using client = connect({ endpoint: gateway.endpoint, ...keys });
  const run = async (): Promise<void> => {
    using channel = await client.exec({ id: SESSION_ID, command: ['cat'] });
    for await (const _ of channel.frames);
  };
  assert.is((await failureOf(run())).code, 'client.gateway-unreachable');
});

calls.run();

const waits = suite('client: waits between tries');

waits('grow from 25 ms to 2 s and never beyond', () => {
  assert.is(waitMs(1, 0), 25);
  assert.is(waitMs(1, 1), 50);
  assert.is(waitMs(4, 1), 400);
  assert.is(waitMs(1_000, 1), 2_000);
});

waits.run();
