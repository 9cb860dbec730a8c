import { readFileSync } from 'node:fs';
import { connect, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, within } from '../../contract/bus/harness.ts';
import { type SecuredCluster, startSecuredCluster } from './secured-cluster.ts';

const production = suite<{ cluster: SecuredCluster }>(
  'production: servers of their own, with TLS and a key for each client',
);

production.before(async (context) => {
  context.cluster = await startSecuredCluster();
});

production.after(async ({ cluster }) => {
  await cluster[Symbol.asyncDispose]();
});

production('a whole session runs through, everything over TLS', async ({ cluster }) => {
  await cluster.serve('control');
  await cluster.serve('projector');
  await cluster.serve('agent');
  await cluster.serve('gateway');
  const { code, stdout, stderr } = await cluster.orrery(
    ...['run', '--cpu', '0.1', '--mem', '32m', '--', 'sh', '-c', 'echo $((6*7)); exit 3'],
  );
  assert.is(code, 3, stderr);
  assert.is(stdout, '42\n');
  const verified = await cluster.orrery('audit', 'verify');
  assert.is(verified.code, 0, verified.stdout + verified.stderr);
  const rebuilt = await cluster.orrery('projections', 'verify');
  assert.is(rebuilt.code, 0, rebuilt.stdout + rebuilt.stderr);
});

/** A client with the key of node A, and whatever the server holds against it. */
async function asNodeA(cluster: SecuredCluster): Promise<{
  readonly connection: NatsConnection;
  refusalOf(act: (connection: NatsConnection) => void): Promise<string>;
}> {
  const { ca, client } = cluster.certificates;
  const seed = Buffer.from(readFileSync(cluster.seedFile('agent-node-a'), 'utf8').trim());
  const connection = await connect({
    servers: cluster.natsServer,
    authenticator: nkeyAuthenticator(seed),
    tls: { caFile: ca, certFile: client.cert, keyFile: client.key },
  });
  const heard: string[] = [];
  void (async () => {
    for await (const status of connection.status())
      if (status.type === 'error') heard.push(status.error.message);
  })();
  return {
    connection,
    refusalOf: async (act) => {
      heard.length = 0;
      act(connection);
      await until(() => heard.length > 0);
      return heard.join();
    },
  };
}

production(
  'an agent speaks for its own node only, and hears its own wishes only',
  async (context) => {
    const { connection, refusalOf } = await asNodeA(context.cluster);
    const forbiddenToSay = [
      'inbox.0.node.node-b.from.node-b',
      'inbox.0.session.x',
      'evt.session.x',
      'agent.node-b.k',
      'live.heartbeat.node-b',
      '$KV.config.checkpoint.agent.node-b',
      '$KV.config.control.lease.partition-0',
      '$JS.API.CONSUMER.CREATE.AGENT.name.agent.node-b.>',
      '$JS.API.CONSUMER.CREATE.EVENTS.name.evt.>',
      '$JS.API.DIRECT.GET.EVENTS',
      '$JS.API.STREAM.PURGE.AGENT',
      '$JS.API.STREAM.DELETE.EVENTS',
    ];
    for (const subject of forbiddenToSay) {
      const refusal = await refusalOf((each) => each.publish(subject, '{}'));
      assert.match(refusal, /permissions violation.*publish/i, subject);
      assert.ok(refusal.includes(subject), `${subject}: ${refusal}`);
    }
    for (const subject of [
      'agent.node-b.>',
      'evt.>',
      '_INBOX.gateway.>',
      'live.agent.node-b.open',
    ]) {
      const refusal = await refusalOf((each) => void each.subscribe(subject));
      assert.match(refusal, /permissions violation.*subscription/i, subject);
    }
    // The subject names its own node, and the filter inside another one's wishes.
    const answer = await connection
      .request(
        '$JS.API.CONSUMER.CREATE.AGENT.name.agent.node-a.>',
        JSON.stringify({
          stream_name: 'AGENT',
          config: { name: 'name', filter_subject: 'agent.node-b.>', deliver_subject: 'x' },
        }),
        { timeout: 2_000 },
      )
      .then(
        (message) => message.string(),
        (error: unknown) => String(error),
      );
    assert.not.match(answer, /"created"/);
    await connection.close();
  },
);

production('a wrong credential is said at once, in one sentence', async ({ cluster }) => {
  const cases: readonly [string, Record<string, string>, RegExp][] = [
    ['control', { ORRERY_BUS_NKEY_SEED_FILE: '/nowhere.nk' }, /nowhere\.nk of bus\.nkeySeedFile/],
    ['control', { ORRERY_BUS_NKEY_SEED_FILE: cluster.certificates.ca }, /holds no seed of an nkey/],
    ['control', { ORRERY_BUS_TLS_CA: cluster.certificates.client.cert }, /look at bus\.tls/],
    [
      'projector',
      { ORRERY_POSTGRES_URL: 'postgres://orrery:wrong@' },
      /the database refuses us .*postgres\.url/,
    ],
    ['gateway', { ORRERY_GATEWAY_TLS_KEY: '/nowhere.key' }, /nowhere\.key of gateway\.tls\.key/],
    ['gateway', { ORRERY_GATEWAY_TSL_KEY: 'x' }, /ORRERY_GATEWAY_TSL_KEY/],
  ];
  for (const [name, environ, expected] of cases) {
    const url = environ['ORRERY_POSTGRES_URL'];
    const place = { ...environ };
    if (url !== undefined) place['ORRERY_POSTGRES_URL'] = `${url}${cluster.postgresPlace}`;
    const { code, stderr } = await within(cluster.serveUntilEnd(name, place));
    assert.is(code, 1, name);
    assert.match(stderr.trim(), expected);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

production('a key that the server does not know is refused', async ({ cluster }) => {
  const stranger = cluster.strangerSeedFile();
  const { code, stderr } = await within(
    cluster.serveUntilEnd('control', { ORRERY_BUS_NKEY_SEED_FILE: stranger }),
  );
  assert.is(code, 1);
  assert.match(stderr, /refuses the credentials of control/);
});

production.run();
