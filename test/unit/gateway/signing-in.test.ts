import { SimulatedClock, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  authorization,
  SIGNED_PROTOCOL_VERSION,
  signature,
} from '../../../gateway/auth/signing.ts';
import { createTokens, TOKEN_MS } from '../../../gateway/auth/tokens.ts';
import { administrator, startGateway } from './gateway-fixture.ts';
import { CREATE } from './session-calls.ts';

const fixture = await startGateway();
const { app, graphql } = fixture;

function signedHeaders(options: {
  readonly method: string;
  readonly target: string;
  readonly atMs?: number;
  readonly secretKey?: string;
  readonly accessKey?: string;
}): Record<string, string> {
  const { method, target, atMs = fixture.gateway.clock.nowMs() } = options;
  const date = new Date(atMs).toISOString();
  const host = 'gateway.test:8090';
  const contentType = 'application/json';
  const parts = { method, target, date, host, contentType, version: SIGNED_PROTOCOL_VERSION };
  return {
    host,
    date,
    'content-type': contentType,
    'x-backendai-version': SIGNED_PROTOCOL_VERSION,
    authorization: authorization(
      options.accessKey ?? administrator.accessKey,
      signature(options.secretKey ?? administrator.secretKey, parts),
    ),
  };
}

const signingIn = suite('gateway: signing in');

signingIn('with e-mail address and password gives a token that works', async () => {
  const query = `mutation ($email: String!, $password: String!) {
    signIn(email: $email, password: $password) { token expiresAt user { role } rejection { code } }
  }`;
  const { email, password } = administrator;
  const { body } = await graphql(query, { email, password }, {});
  const payload = body.data?.['signIn'] as { token: string; expiresAt: string; user: object };
  assert.equal(payload.user, { role: 'superadmin' });
  const viewer = await graphql(
    '{ viewer { email } }',
    {},
    { authorization: `Bearer ${payload.token}` },
  );
  assert.equal(viewer.body.data, { viewer: { email } });
});

signingIn(
  'with a wrong password and with an unknown address is refused in the same words',
  async () => {
    const query = (email: string): string =>
      `mutation { signIn(email: "${email}", password: "wrong") { token rejection { code message field } } }`;
    const wrong = await graphql(query(administrator.email), {}, {});
    const unknown = await graphql(query('nobody@example.test'), {}, {});
    assert.equal(wrong.body.data, unknown.body.data);
    assert.match(JSON.stringify(wrong.body.data), /credentials-wrong/);
  },
);

signingIn('by a signed request gives a token that carries the access key', async () => {
  const headers = signedHeaders({ method: 'POST', target: '/auth/token' });
  const response = await app.inject({ method: 'POST', url: '/auth/token', headers, payload: '{}' });
  assert.is(response.statusCode, 200, response.body);
  const { token, expiresAt } = response.json();
  assert.ok(Date.parse(expiresAt) > fixture.gateway.clock.nowMs());
  const bearer = { authorization: `Bearer ${token}` };
  const { body } = await graphql(CREATE, { input: { name: 'by-access-key' } }, bearer);
  assert.match(JSON.stringify(body), new RegExp(`"accessKey":"${administrator.accessKey}"`));
});

const HOUR_MS = 3_600_000;
const wrongCredentials = [
  ['an expired date', { atMs: 0 }, 401, 'SIGNATURE_EXPIRED'],
  ['another secret key', { secretKey: 'x'.repeat(40) }, 401, 'SIGNATURE_MISMATCH'],
  ['an unknown access key', { accessKey: 'AKIAXXXXXXXXXXXXXXXX' }, 401, 'ACCESS_KEY_UNKNOWN'],
] as const;
for (const [what, change, status, code] of wrongCredentials) {
  signingIn(
    `by a signature with ${what} is refused as ${code}, for GraphQL and REST alike`,
    async () => {
      const nowMs = fixture.gateway.clock.nowMs();
      const atMs = 'atMs' in change ? nowMs - HOUR_MS : nowMs;
      for (const url of ['/graphql', '/auth/token']) {
        const headers = signedHeaders({ method: 'POST', target: url, ...change, atMs });
        const response = await app.inject({
          method: 'POST',
          url,
          headers,
          payload: '{"query":"{ viewer { id } }"}',
        });
        assert.is(response.statusCode, status, response.body);
        assert.is(response.json().error_code, code);
        assert.match(response.json().type, /^https:\/\/api\.backend\.ai\/probs\//);
      }
    },
  );
}

signingIn('is asked for when it is missing, and a strange header is told so', async () => {
  const anonymous = await graphql('{ viewer { id } }', {}, {});
  assert.is(anonymous.status, 401);
  assert.is(anonymous.body.errors?.[0]?.extensions['code'], 'UNAUTHENTICATED');
  const strange = await graphql('{ viewer { id } }', {}, { authorization: 'Basic Zm9v' });
  assert.is(strange.status, 400);
  assert.is(strange.body.error_code, 'AUTHORIZATION_MALFORMED');
  const forged = await graphql('{ viewer { id } }', {}, { authorization: 'Bearer a.b.c' });
  assert.is(forged.status, 401);
  assert.is(forged.body.error_code, 'TOKEN_INVALID');
  const rest = await app.inject({ method: 'POST', url: '/auth/token', payload: {} });
  assert.is(rest.statusCode, 401);
});

signingIn('by a signature that came before is refused, also with another body', async () => {
  const headers = signedHeaders({ method: 'POST', target: '/graphql' });
  const send = (query: string) =>
    app.inject({ method: 'POST', url: '/graphql', headers, payload: JSON.stringify({ query }) });
  assert.is((await send('{ viewer { id } }')).statusCode, 200);
  for (const query of ['{ viewer { id } }', '{ viewer { email } }']) {
    const replayed = await send(query);
    assert.is(replayed.statusCode, 401);
    assert.is(replayed.json().error_code, 'SIGNATURE_REPLAYED');
  }
});

signingIn('tells with each answer how much the key may still ask', async () => {
  const ask = async () => {
    const headers = signedHeaders({ method: 'POST', target: '/graphql' });
    const payload = '{"query":"{ viewer { id } }"}';
    return (await app.inject({ method: 'POST', url: '/graphql', headers, payload })).headers;
  };
  const before = await ask();
  await systemClock.sleep(2);
  const after = await ask();
  assert.is(before['x-ratelimit-window'], '900');
  assert.is(before['x-ratelimit-limit'], after['x-ratelimit-limit']);
  assert.is(Number(after['x-ratelimit-remaining']), Number(before['x-ratelimit-remaining']) - 1);
  const anonymous = await app.inject({ method: 'GET', url: '/healthz' });
  assert.is(anonymous.headers['x-ratelimit-remaining'], '1000');
});

signingIn('with ten wrong passwords is blocked for twenty minutes, whoever it is', async () => {
  const query = `mutation ($email: String!, $password: String!) {
    signIn(email: $email, password: $password) { token rejection { code } }
  }`;
  // A right one makes good for those of other tests.
  const { email: known, password } = administrator;
  await graphql(query, { email: known, password }, {});
  for (const email of ['somebody@example.test', known]) {
    for (let tries = 0; tries < 10; tries++) {
      const { body } = await graphql(query, { email, password: 'wrong' }, {});
      assert.equal(body.data?.['signIn'], {
        token: null,
        rejection: { code: 'credentials-wrong' },
      });
    }
    const payload = { query, variables: { email, password } };
    const blocked = await app.inject({ method: 'POST', url: '/graphql', payload });
    assert.is(blocked.statusCode, 429);
    assert.is(blocked.json().errors[0].extensions.code, 'SIGN_IN_BLOCKED');
    const seconds = Number(blocked.headers['retry-after']);
    assert.ok(seconds > 1_100 && seconds <= 1_200);
  }
});

signingIn('lasts twelve hours, and no token without our signature is taken', async () => {
  const clock = new SimulatedClock(fixture.gateway.clock.nowMs());
  const tokens = createTokens(app.jwt, clock);
  const holder = { userId: '0190b0c8-0000-7000-8000-000000000001', accessKey: undefined };
  const { token } = tokens.issue(holder);
  assert.equal(tokens.verify(token), holder);
  const [, payload] = token.split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  assert.throws(() => tokens.verify(unsigned), /not one of this gateway/);
  await clock.advance(TOKEN_MS);
  assert.throws(() => tokens.verify(token), /has expired/);
});

signingIn.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
signingIn.run();
