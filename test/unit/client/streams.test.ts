import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type OrreryClient } from '../../../gateway/client/client.ts';
import { ACCESS_KEY, FakeGateway, SECRET_KEY } from './fake-gateway.ts';
import { FakeState, fakeSession, SESSION_ID } from './fake-state.ts';

const DEADLINE_MS = 15_000;

function clientOf(gateway: FakeGateway): OrreryClient {
  return connect({
    endpoint: gateway.endpoint,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    patience: { firstContactMs: 0, outageMs: 10_000 },
  });
}

const streams = suite('client: streams over cut connections');

streams('events come once each and in order while the gateway is cut and restarted', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const seen: string[] = [];
  const steps: (() => unknown)[] = [
    () => state.emit(SESSION_ID, 'SCHEDULED'),
    () => {
      gateway.cut();
      state.emit(SESSION_ID, 'PREPARING');
    },
    async () => {
      await gateway.restart();
      state.emit(SESSION_ID, 'PREPARED');
    },
    () => state.emit(SESSION_ID, 'RUNNING'),
    () => {
      state.emit(SESSION_ID, 'TERMINATING');
      gateway.cut();
      state.emit(SESSION_ID, 'TERMINATED');
    },
  ];
  for await (const event of client.sessionEvents(
    { id: SESSION_ID },
    AbortSignal.timeout(DEADLINE_MS),
  )) {
    seen.push(`${event.revision} ${event.status}`);
    await steps.shift()?.();
  }
  assert.equal(seen, [
    '1 PENDING',
    '2 SCHEDULED',
    '3 PREPARING',
    '4 PREPARED',
    '5 RUNNING',
    '6 TERMINATING',
    '7 TERMINATED',
  ]);
});

streams('a gateway that completes a stream on its way down has not ended it', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  let isGoingDown = true;
  const events = state.events.bind(state);
  state.events = async function* (id, fromRevision) {
    if (isGoingDown) {
      isGoingDown = false;
      yield* [...(state.sessions.get(id)?.events ?? [])].slice(fromRevision - 1);
      return;
    }
    yield* events(id, fromRevision);
  };
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const seen: (string | null)[] = [];
  for await (const event of client.sessionEvents(
    { id: SESSION_ID },
    AbortSignal.timeout(DEADLINE_MS),
  )) {
    seen.push(event.status);
    if (event.status === 'PENDING') state.emit(SESSION_ID, 'CANCELLED');
  }
  assert.equal(seen, ['PENDING', 'CANCELLED']);
});

streams('every byte of a log comes once while connections are cut', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.print(SESSION_ID, 'one ');
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  let text = '';
  let chunks = 0;
  const position = { id: SESSION_ID, offset: 0, follow: 'until-end' } as const;
  for await (const chunk of client.sessionLogs(position, AbortSignal.timeout(DEADLINE_MS))) {
    text += Buffer.from(chunk.data).toString();
    chunks += 1;
    if (chunks === 1) {
      gateway.cut();
      state.print(SESSION_ID, 'two ');
    } else if (chunks === 2) {
      await gateway.restart();
      state.print(SESSION_ID, 'three');
      state.endLog(SESSION_ID);
    }
  }
  assert.is(text, 'one two three');
});

streams('a log that completes empty before its last chunk is asked for again', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  for (const status of ['RUNNING', 'TERMINATED'] as const) state.emit(SESSION_ID, status);
  state.print(SESSION_ID, '42');
  state.endLog(SESSION_ID);
  state.withholdLogs(1);
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  let text = '';
  const position = { id: SESSION_ID, offset: 0, follow: 'until-end' } as const;
  for await (const chunk of client.sessionLogs(position, AbortSignal.timeout(DEADLINE_MS)))
    text += Buffer.from(chunk.data).toString();
  assert.is(text, '42');
});

streams('a log is read from the middle', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  state.print(SESSION_ID, 'abcdef');
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const position = { id: SESSION_ID, offset: 4, follow: 'until-now' } as const;
  const chunks: string[] = [];
  for await (const chunk of client.sessionLogs(position, AbortSignal.timeout(DEADLINE_MS))) {
    chunks.push(`${chunk.offset} ${Buffer.from(chunk.data).toString()}`);
  }
  assert.equal(chunks, ['6 ef']);
});

streams('changes go on after the cursor of the last one', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const seen: string[] = [];
  const request = { after: '0' };
  for await (const change of client.sessionsChanged(request, AbortSignal.timeout(DEADLINE_MS))) {
    seen.push(`${change.cursor} ${change.session.status}`);
    if (seen.length === 1) {
      gateway.cut();
      state.emit(SESSION_ID, 'SCHEDULED');
    } else if (seen.length === 2) {
      await gateway.restart();
      state.emit(SESSION_ID, 'PREPARING');
    } else {
      break;
    }
  }
  assert.equal(seen, ['1 PENDING', '2 SCHEDULED', '3 PREPARING']);
});

streams('a reader slower than the stream still gets everything', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const lines = Array.from({ length: 2_000 }, (_, index) => `line ${index}\n`);
  for (const line of lines) state.print(SESSION_ID, line);
  state.endLog(SESSION_ID);
  let text = '';
  const position = { id: SESSION_ID, offset: 0, follow: 'until-end' } as const;
  for await (const chunk of client.sessionLogs(position, AbortSignal.timeout(DEADLINE_MS))) {
    text += Buffer.from(chunk.data).toString();
    if (text.length < 100) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(text, lines.join(''));
});

streams('an unknown session is refused and not asked for again', async () => {
  await using gateway = await FakeGateway.start(new FakeState());
  await using client = clientOf(gateway);
  const stream = client.sessionEvents({ id: SESSION_ID }, AbortSignal.timeout(DEADLINE_MS));
  try {
    await stream.next();
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.name, 'NotFound');
  }
});

streams('a token that is no good ends a stream instead of trying for ever', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using client = connect({ endpoint: gateway.endpoint, token: 'stale' });
  const stream = client.sessionEvents({ id: SESSION_ID }, AbortSignal.timeout(DEADLINE_MS));
  try {
    await stream.next();
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.name, 'SignInRefused');
  }
});

streams('a signal ends a quiet stream with its reason', async () => {
  const state = new FakeState();
  state.add(fakeSession());
  await using gateway = await FakeGateway.start(state);
  await using client = clientOf(gateway);
  const stop = new AbortController();
  const stream = client.sessionEvents({ id: SESSION_ID }, stop.signal);
  await stream.next();
  const next = stream.next();
  stop.abort(new Error('enough'));
  try {
    await next;
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.message, 'enough');
  }
});

streams.run();
