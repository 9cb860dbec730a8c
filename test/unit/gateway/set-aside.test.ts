import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway-fixture.ts';
import { otherUser } from './session-calls.ts';

const fixture = await startGateway();
const { graphql, bus } = fixture;

const ID = '1.17';
const imageId = 'image-that-failed';

await bus.setAside.put({
  id: ID,
  envelope: {
    id: 'c1',
    aggregate: 'image',
    aggregateId: imageId,
    actor: { kind: 'user', id: 'u1' },
    sentAtMs: 1_000,
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    command: { type: 'register', reference: 'secret.example.test/image:1' },
  },
  error: 'TypeError: no such thing\n    at decide (/somewhere/decide.ts:1:2)',
  tries: 3,
  setAsideAtMs: 2_000,
});

const LIST = `{ setAsideCommands {
  id entity entityId commandType commandId actor traceId error tries sentAt setAsideAt
} }`;
const REPLAY = `mutation ($id: ID!) {
  replaySetAsideCommand(id: $id) { command { id commandType } rejection { code field } }
}`;

const setAside = suite('gateway: commands set aside');

setAside('are listed with why, without what they carry and without a stack', async () => {
  const { body } = await graphql(LIST);
  assert.equal(body.data, {
    setAsideCommands: [
      {
        id: ID,
        entity: 'image',
        entityId: imageId,
        commandType: 'register',
        commandId: 'c1',
        actor: 'user:u1',
        traceId: 'a'.repeat(32),
        error: 'TypeError: no such thing',
        tries: 3,
        sentAt: '1970-01-01T00:00:01.000Z',
        setAsideAt: '1970-01-01T00:00:02.000Z',
      },
    ],
  });
});

setAside('are nothing for a user', async () => {
  const headers = await otherUser(fixture);
  for (const query of [LIST, REPLAY]) {
    const { status, body } = await graphql(query, { id: ID }, headers);
    assert.is(status, 403);
    assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
  }
  assert.is(await bus.setAside.count(), 1);
});

setAside('one is sent again, does what it should, and is set aside no more', async () => {
  const { body } = await graphql(REPLAY, { id: ID });
  assert.equal(body.data, {
    replaySetAsideCommand: { command: { id: ID, commandType: 'register' }, rejection: null },
  });
  const stop = AbortSignal.timeout(5_000);
  const following = { afterSequence: 0, aggregate: 'image', aggregateId: imageId } as const;
  for await (const [commit] of bus.log.follow({ ...following, signal: stop })) {
    assert.is(commit?.commandType, 'register');
    break;
  }
  assert.equal((await graphql(LIST)).body.data, { setAsideCommands: [] });
});

for (const id of [ID, '>', '*.17', 'x', '']) {
  setAside(`${JSON.stringify(id)}, which is not there, is refused`, async () => {
    const { body } = await graphql(REPLAY, { id });
    assert.equal(body.data, {
      replaySetAsideCommand: {
        command: null,
        rejection: { code: 'set-aside-not-found', field: 'id' },
      },
    });
  });
}

setAside.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
setAside.run();
