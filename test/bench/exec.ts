import { startSystem } from '../environment/system.ts';
import { monotonicMs, percentile, print } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const WARM_UP = 30;
const CELLS = 300;

/** How long a `print(1)` takes through the gateway, in an interpreter that runs already. */
export async function exec(): Promise<void> {
  await betweenYardsticks('exec', { withDocker: false }, async () => {
    await using system = await startSystem(['--driver', 'process']);
    const { client } = system;
    const { session } = await client.createSession({ type: 'INTERACTIVE', cpu: '0.5' });
    for await (const { status } of client.sessionEvents({ id: session.id }))
      if (status === 'RUNNING') break;
    const tookMs: number[] = [];
    for (let index = 0; index < WARM_UP + CELLS; index++) {
      const startMs = monotonicMs();
      const result = await client.code.execute({
        sessionId: session.id,
        mode: 'QUERY',
        code: 'print(1)',
      });
      if (result.status !== 'finished' && index >= WARM_UP)
        throw new Error(`a cell came back as ${result.status}`);
      if (index >= WARM_UP) tookMs.push(monotonicMs() - startMs);
    }
    const bench = 'exec';
    print({ bench, metric: 'exec_ms_p50', value: percentile(tookMs, 0.5), unit: 'ms' });
    print({ bench, metric: 'exec_ms_p99', value: percentile(tookMs, 0.99), unit: 'ms' });
    await client.terminateSession({ id: session.id, mode: 'FORCE' });
    for await (const { status } of client.sessionEvents({ id: session.id }))
      if (status === 'TERMINATED') break;
  });
}
