import { connect } from 'node:net';
import { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startNats } from '../../environment/nats.ts';
import { startPostgres } from '../../environment/postgres.ts';

const environment = suite('environment: the servers of a test run');

environment('PostgreSQL keeps what was committed when it is killed and started again', async () => {
  const postgres = await startPostgres();
  const query = async (sql: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new Client(postgres.url);
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql);
    await client.end();
    return rows;
  };
  await query('CREATE TABLE kept (value int)');
  await query('INSERT INTO kept VALUES (42)');
  const before = postgres.pid;
  await postgres.kill('SIGKILL');
  await postgres.restart();
  assert.is.not(postgres.pid, before);
  assert.equal(await query('SELECT value FROM kept'), [{ value: 42 }]);
  await postgres.stop();
});

environment('two PostgreSQL servers run side by side', async () => {
  const [first, second] = await Promise.all([startPostgres(), startPostgres()]);
  assert.is.not(first.port, second.port);
  await Promise.all([first.stop(), second.stop()]);
});

environment('nats-server asks for a password and comes back on its port when killed', async () => {
  const nats = await startNats();
  const [address = ''] = nats.servers;
  assert.match(await greeting(address), '"auth_required":true');
  await nats.kill('SIGKILL');
  await nats.restart();
  assert.match(await greeting(address), '"jetstream":true');
  await nats.stop();
});

function greeting(address: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) });
    socket.setTimeout(5_000, () => socket.destroy(new Error('no greeting')));
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString('utf8'));
    });
  });
}

environment.run();
