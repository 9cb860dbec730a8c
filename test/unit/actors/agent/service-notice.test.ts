import { readFileSync } from 'node:fs';
import { createLogger } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keepNoticed } from '../../../../actors/agent/service-notice.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

function noticed(environ: Readonly<Record<string, string>>) {
  const clock = new SimulatedClock(1_000_000);
  const said: string[] = [];
  const stop = new AbortController();
  const send = async (words: readonly string[]): Promise<void> => {
    said.push(words.join(' '));
    if (said.length === 2) throw new Error('it is busy');
  };
  const over = keepNoticed({ environ, clock, logger, send }, stop.signal);
  return { clock, said, stop, over };
}

const test = suite('agent: kept by a service manager');

test('it says that it is ready, and then three times in the period that it is alive', async () => {
  const { clock, said, stop, over } = noticed({ NOTIFY_SOCKET: '/x', WATCHDOG_USEC: '60000000' });
  await clock.advance(59_000);
  assert.equal(said, ['--ready', 'WATCHDOG=1', 'WATCHDOG=1']);
  stop.abort();
  await over;
});

test('it says nothing where nobody listens, and no more than asked for', async () => {
  const alone = noticed({});
  await alone.over;
  assert.equal(alone.said, []);
  const ready = noticed({ NOTIFY_SOCKET: '/x' });
  await ready.over;
  assert.equal(ready.said, ['--ready']);
});

test('its unit starts it again however it ended, and leaves alone what keeps its runs', () => {
  const path = new URL('../../../../deploy/systemd/orrery-agent.service', import.meta.url);
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const line of ['Restart=always', 'KillMode=process', 'StartLimitIntervalSec=0'])
    assert.ok(lines.includes(line), line);
});

test.run();
