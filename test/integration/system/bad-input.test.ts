import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OperationRefused } from '../../../gateway/client/errors.ts';
import { tokenOf } from '../../environment/sign-in.ts';
import { signRequest } from '../../environment/signed-request.ts';
import { startSystem } from '../../environment/system.ts';
import { connectAsUser } from '../../environment/user.ts';

const system = await startSystem(['--driver', 'simulated']);
const token = await tokenOf(system);
const profile = JSON.parse(readFileSync(join(system.dataDirectory, 'profile.json'), 'utf8'));

interface Answer {
  readonly status: number;
  readonly body: {
    readonly data?: {
      readonly createSession?: {
        readonly session: unknown;
        readonly rejection: Refusal | null;
      } | null;
    };
    readonly errors?: readonly {
      readonly message: string;
      readonly extensions?: { readonly code?: string };
    }[];
    readonly error_code?: string;
    readonly title?: string;
  };
}
interface Refusal {
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
}

async function post(body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${system.endpoint}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const CREATE =
  'mutation ($input: CreateSessionInput!) { createSession(input: $input) { session { id } rejection { code field message } } }';
const input = { type: 'BATCH', command: ['true'], cpu: '0.1', memory: '64m' };

async function refusalOf(changes: Record<string, unknown>): Promise<Refusal> {
  const { body } = await post(
    JSON.stringify({ query: CREATE, variables: { input: { ...input, ...changes } } }),
  );
  const payload = body.data?.createSession;
  assert.ok(payload?.rejection, JSON.stringify(body));
  assert.is(payload?.session, null);
  return payload?.rejection ?? { code: '', field: null, message: '' };
}

const bad = suite('bad input: has its own clear error and does no harm');

const refused: readonly (readonly [string, Record<string, unknown>, string, string])[] = [
  ['an image that nobody registered', { image: 'no/such-image:1' }, 'image-unknown', 'image'],
  ['an image that is no reference', { image: 'Not An Image!' }, 'image-', 'image'],
  ['no CPU', { cpu: '0' }, 'resources-invalid', 'cpu'],
  ['a negative CPU', { cpu: '-1' }, 'resources-invalid', 'cpu'],
  ['an absurd CPU', { cpu: '1e9' }, 'resources-invalid', 'cpu'],
  ['too much CPU', { cpu: '100000' }, 'resources-invalid', 'cpu'],
  ['no memory', { memory: '0' }, 'resources-invalid', 'memory'],
  ['memory that is no size', { memory: 'plenty' }, 'resources-invalid', 'memory'],
  ['memory beyond measure', { memory: '999999t' }, 'resources-invalid', 'memory'],
  ['a name of 300 characters', { name: 'n'.repeat(300) }, 'name-invalid', 'name'],
  ['a name in another script', { name: 'имя-сессии' }, 'name-invalid', 'name'],
  ['a batch session without a command', { command: null }, 'command-', 'command'],
  ['an interactive session with one', { type: 'INTERACTIVE' }, 'command-', 'command'],
  ['an empty idempotency key', { idempotencyKey: '' }, 'idempotency-key', 'idempotencyKey'],
];

for (const [what, changes, code, field] of refused) {
  bad(`${what} is refused by name`, async () => {
    const refusal = await refusalOf(changes);
    assert.ok(refusal.code.startsWith(code), `${refusal.code} for ${what}`);
    assert.is(refusal.field, field);
    assert.ok(refusal.message.length > 10);
  });
}

bad(
  'the same idempotency key gives the same session, and another request with it is refused',
  async () => {
    const key = 'bad-input-key';
    const first = await system.client.createSession({
      ...input,
      type: 'BATCH',
      idempotencyKey: key,
    });
    const second = await system.client.createSession({
      ...input,
      type: 'BATCH',
      idempotencyKey: key,
    });
    assert.is(second.session.id, first.session.id);
    assert.equal([first.isCreated, second.isCreated], [true, false]);
    assert.is(
      (await refusalOf({ idempotencyKey: key, cpu: '0.2' })).code,
      'idempotency-key-reused',
    );
  },
);

bad('a key of somebody else is refused, and shows nothing of their session', async () => {
  const key = 'key-of-the-administrator';
  const asked = { ...input, type: 'BATCH', tag: 'a-secret-tag', idempotencyKey: key } as const;
  const { session } = await system.client.createSession(asked);
  await using stranger = await connectAsUser(system, 'stranger@example.test');
  for (const theirs of [asked, { ...input, type: 'BATCH', idempotencyKey: key } as const]) {
    const refusal = await stranger.createSession(theirs).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(refusal instanceof OperationRefused, String(refusal));
    assert.is(refusal.code, 'idempotency-key-reused');
    const told = `${refusal.message} ${JSON.stringify(refusal)}`;
    for (const secret of [session.id, session.name, 'a-secret-tag'])
      assert.not.ok(told.includes(secret), told);
  }
  assert.is(await stranger.findSession(session.id), undefined);
});

bad('an unknown id is not found', async () => {
  assert.is(await system.client.findSession('0190b0c8-0000-7000-8000-00000000dead'), undefined);
  const query =
    'mutation { terminateSession(input: { id: "0190b0c8-0000-7000-8000-00000000dead" }) { rejection { code field } } }';
  const { body } = await post(JSON.stringify({ query }));
  assert.equal(body.data, {
    terminateSession: { rejection: { code: 'session-not-found', field: 'id' } },
  });
});

bad('malformed JSON is told as such', async () => {
  const { status, body } = await post('{"query": ');
  assert.is(status, 400);
  assert.match(JSON.stringify(body), /JSON/);
});

bad('a query nested 100 deep is refused before it is run', async () => {
  const query = `{ session(id: "x") ${'{ kernels '.repeat(100)}{ id }${' }'.repeat(100)} }`;
  const { body } = await post(JSON.stringify({ query }));
  assert.is(body.errors?.[0]?.extensions?.code, 'QUERY_TOO_DEEP');
});

bad('a wrong, an expired and a missing signature each have their own code', async () => {
  const nowMs = performance.timeOrigin + performance.now();
  const body = JSON.stringify({ query: '{ viewer { id } }' });
  const sign = (secretKey: string, atMs: number): Record<string, string> =>
    signRequest({
      endpoint: system.endpoint,
      target: '/graphql',
      accessKey: profile.accessKey,
      secretKey,
      atMs,
    });
  const good = await post(body, sign(profile.secretKey, nowMs));
  assert.is(good.status, 200, JSON.stringify(good.body));
  const wrong = await post(body, sign('x'.repeat(40), nowMs));
  assert.match(JSON.stringify(wrong.body), /SIGNATURE_MISMATCH/);
  const expired = await post(body, sign(profile.secretKey, nowMs - 3_600_000));
  assert.match(JSON.stringify(expired.body), /SIGNATURE_EXPIRED/);
  const response = await fetch(`${system.endpoint}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  assert.match(await response.text(), /UNAUTHENTICATED/);
});

bad('and after all of it the system is as it was', async () => {
  const { session } = await system.client.createSession({ ...input, type: 'BATCH' });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') return;
  throw new Error('the session did not end');
});

bad.after(async () => {
  await system[Symbol.asyncDispose]();
});
bad.run();
