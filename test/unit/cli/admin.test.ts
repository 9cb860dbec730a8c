import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState, SESSION_ID } from '../client/fake-state.ts';
import { orrery, type Printed, Profile } from './command-line.ts';

const clock = {
  nowMs: () => Date.parse('2026-11-20T12:05:00.000Z'),
  sleep: systemClock.sleep,
};

const command = {
  id: '3.17',
  entity: 'session',
  entityId: SESSION_ID,
  commandType: 'enqueue',
  commandId: 'c1',
  actor: 'user:u1',
  traceId: null,
  error: 'TypeError: no such thing',
  tries: 3,
  sentAt: '2026-11-20T12:00:00.000Z',
  setAsideAt: '2026-11-20T12:03:00.000Z',
};

async function call(script: Script, argv: readonly string[]): Promise<Printed> {
  await using gateway = await FakeGateway.start(new FakeState(), script);
  await using profile = await Profile.write(gateway.endpoint);
  return await orrery(argv, { env: { ORRERY_PROFILE: profile.path }, clock });
}

const setAside = suite('cli: commands set aside');

setAside('are listed with what they failed at, and whole as JSON', async () => {
  const operations = { setAsideCommands: () => [command] };
  const { stdout } = await call({ operations }, ['admin', 'set-aside', 'list']);
  const [titles = '', line = ''] = stdout.split('\n');
  assert.match(titles, /^ID +COMMAND +ENTITY +SINCE .*ERROR *$/);
  assert.ok(
    line.startsWith(`3.17  enqueue  session:${SESSION_ID}  2026-11-20 12:03:00 (2m ago)  `),
    line,
  );
  assert.ok(line.trimEnd().endsWith('TypeError: no such thing'), line);
  const json = await call({ operations }, ['admin', 'set-aside', 'list', '--json']);
  assert.equal(JSON.parse(json.stdout), [command]);
});

setAside('one is sent again by its id', async () => {
  const asked: unknown[] = [];
  const operations = {
    replaySetAsideCommand: ({ id }: Record<string, unknown>) => {
      asked.push(id);
      return { command, rejection: null };
    },
  };
  const { stdout, exitCode } = await call({ operations }, ['admin', 'set-aside', 'replay', '3.17']);
  assert.equal([stdout, exitCode], [`enqueue session:${SESSION_ID}\n`, 0]);
  assert.equal(asked, ['3.17']);
});

setAside('one that is not there is refused with its code', async () => {
  const rejection = {
    code: 'set-aside-not-found',
    message: 'no command is set aside under this id',
    field: 'id',
    details: null,
  };
  const operations = { replaySetAsideCommand: () => ({ command: null, rejection }) };
  const { stderr, exitCode } = await call({ operations }, ['admin', 'set-aside', 'replay', '9.9']);
  assert.match(stderr, /set-aside-not-found|no command is set aside/);
  assert.is.not(exitCode, 0);
});

setAside.run();
