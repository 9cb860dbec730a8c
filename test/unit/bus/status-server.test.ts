import { createLogger, startStatusServer } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const status = suite('status server: what a supervisor asks');
const logger = createLogger({ name: 'test', level: 'silent' });

status('tells health, readiness with its hindrance, and metrics', async () => {
  let hindrance: string | undefined = 'the bus is away';
  await using server = await startStatusServer({
    port: 0,
    logger,
    findHindrance: () => hindrance,
    metrics: async () => 'orrery_commits_total 7\n',
  });
  const ask = async (path: string, method = 'GET'): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return `${response.status} ${(await response.text()).trim()}`;
  };
  assert.is(await ask('/healthz'), '200 ok');
  assert.is(await ask('/readyz'), '503 the bus is away');
  hindrance = undefined;
  assert.is(await ask('/readyz?verbose'), '200 ready');
  assert.is(await ask('/metrics'), '200 orrery_commits_total 7');
  assert.match(await ask('/'), /^404/);
  assert.match(await ask('/healthz', 'POST'), /^405/);
});

status('answers 500 when a metric cannot be told, and goes on', async () => {
  await using server = await startStatusServer({
    port: 0,
    logger,
    findHindrance: () => undefined,
    metrics: () => Promise.reject(new Error('no')),
  });
  const url = `http://127.0.0.1:${server.port}`;
  assert.is((await fetch(`${url}/metrics`)).status, 500);
  assert.is((await fetch(`${url}/healthz`)).status, 200);
});

status('fails to start on a port that is taken', async () => {
  const options = { logger, findHindrance: () => undefined, metrics: () => '' };
  await using server = await startStatusServer({ port: 0, ...options });
  const second = startStatusServer({ port: server.port, ...options });
  assert.match(String(await second.catch((error: unknown) => error)), 'EADDRINUSE');
});

status.run();
