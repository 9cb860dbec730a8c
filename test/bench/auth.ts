import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@orrery/bus';
import { authenticate } from '../../gateway/auth/authenticate.ts';
import type { RequestLine } from '../../gateway/auth/signature.ts';
import { authorization, SIGNED_PROTOCOL_VERSION, signature } from '../../gateway/auth/signing.ts';
import { tokenOf } from '../environment/sign-in.ts';
import { startSystem } from '../environment/system.ts';
import { administrator, startGateway } from '../unit/gateway/gateway-fixture.ts';
import { monotonicMs, percentile, print, sideBySide, timed } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CHECKS = 5_000;
const CONNECTIONS = 8;
const WARM_UP = 1_000;
const QUERIES = 4_000;
/** One after the other in turn, as the machine is not the same from one moment to the next. */
const ROUNDS = 4;
const QUERY = 'query ($id: ID!) { session(id: $id) { id name status } }';

/** What it costs to know who asks, and to let nobody see what is not theirs. */
export async function auth(): Promise<void> {
  await betweenYardsticks('auth', { withDocker: false }, async () => {
    const bench = 'auth';
    const checks = await signedChecks();
    print({ bench, metric: 'signed_check_ms_p50', value: percentile(checks, 0.5), unit: 'ms' });
    print({ bench, metric: 'signed_check_ms_p99', value: percentile(checks, 0.99), unit: 'ms' });
    const { authorised, bare } = await pointQueries();
    print({ bench, metric: 'authorised_queries_per_s', value: authorised, unit: '1/s' });
    print({ bench, metric: 'bare_queries_per_s', value: bare, unit: '1/s' });
    print({ bench, metric: 'authorised_ratio', value: authorised / bare, unit: 'ratio' });
  });
}

/** Milliseconds of each signed request, from its headers to who sent it; the key pair is known already. */
async function signedChecks(): Promise<readonly number[]> {
  await using fixture = await startGateway();
  const requests = Array.from({ length: CHECKS + WARM_UP }, (_, index) => signedRequest(index));
  const times: number[] = [];
  for (const request of requests) {
    const startMs = monotonicMs();
    await authenticate(fixture.gateway, request);
    times.push(monotonicMs() - startMs);
  }
  return times.slice(WARM_UP);
}

function signedRequest(index: number): RequestLine {
  const microseconds = String(index % 1000).padStart(3, '0');
  const atMs = systemClock.nowMs() - Math.floor(index / 1000);
  const date = new Date(atMs).toISOString().replace('Z', `${microseconds}+00:00`);
  const line = { method: 'POST', target: `/graphql?${index}` };
  const [host, contentType] = ['gateway.test', 'application/json'];
  const parts = { ...line, date, host, contentType, version: SIGNED_PROTOCOL_VERSION };
  const headers = {
    host,
    date,
    'content-type': contentType,
    'x-backendai-version': SIGNED_PROTOCOL_VERSION,
    authorization: authorization(
      administrator.accessKey,
      signature(administrator.secretKey, parts),
    ),
  };
  return { ...line, headers };
}

async function pointQueries(): Promise<{ readonly authorised: number; readonly bare: number }> {
  await using system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
  const { session } = await system.client.createSession({ type: 'INTERACTIVE', cpu: '0.1' });
  const token = await tokenOf(system);
  await using bareServer = await startBare(system.settings.postgres.url);
  const ask = (endpoint: string) => () => query(endpoint, session.id, token);
  const gateway = ask(system.endpoint);
  const bare = ask(bareServer.endpoint);
  await sideBySide(WARM_UP, CONNECTIONS, gateway);
  await sideBySide(WARM_UP, CONNECTIONS, bare);
  let [gatewayMs, bareMs] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    gatewayMs += await timed(() => sideBySide(QUERIES / ROUNDS, CONNECTIONS, gateway));
    bareMs += await timed(() => sideBySide(QUERIES / ROUNDS, CONNECTIONS, bare));
  }
  return { authorised: (QUERIES / gatewayMs) * 1000, bare: (QUERIES / bareMs) * 1000 };
}

async function query(endpoint: string, id: string, token: string): Promise<void> {
  const response = await fetch(`${endpoint}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: QUERY, variables: { id } }),
  });
  const { data } = (await response.json()) as { data?: { session?: { id?: string } } };
  if (data?.session?.id !== id) throw new Error('the session was not answered');
}

interface BareServer extends AsyncDisposable {
  readonly endpoint: string;
}

async function startBare(postgresUrl: string): Promise<BareServer> {
  const program = fileURLToPath(new URL('./bare-graphql.ts', import.meta.url));
  const child = spawn(process.execPath, [program, postgresUrl], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [endpoint] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    endpoint: String(endpoint),
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
