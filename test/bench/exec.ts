import type { OrreryClient } from '../../gateway/client/client.ts';
import { startSystem } from '../environment/system.ts';
import { monotonicMs, percentile, print } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const WARM_UP = 30;
const CELLS = 300;
const KEYS = 300;

/** How long a `print(1)` takes through the gateway in an interpreter that runs already, and a key in a terminal. */
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
    await echo(client, session.id);
    await client.terminateSession({ id: session.id, mode: 'FORCE' });
    for await (const { status } of client.sessionEvents({ id: session.id }))
      if (status === 'TERMINATED') break;
  });
}

/** A key typed into `cat`, until it is shown. */
async function echo(client: OrreryClient, sessionId: string): Promise<void> {
  using channel = client.terminals.open({ sessionId }, { columns: 80, rows: 24 });
  const frames = channel.frames[Symbol.asyncIterator]();
  let shown = '';
  const sees = async (text: string): Promise<void> => {
    while (!shown.includes(text)) {
      const next = await frames.next();
      if (next.done === true) throw new Error('the terminal ended');
      if (next.value.kind === 'output') shown += Buffer.from(next.value.data).toString('latin1');
    }
    shown = '';
  };
  channel.write(Buffer.from('stty -icanon; echo rea""dy; exec cat\n'));
  await sees('ready');
  const tookMs: number[] = [];
  for (let index = 0; index < WARM_UP + KEYS; index++) {
    const startMs = monotonicMs();
    channel.write(Buffer.from('k'));
    await sees('k');
    if (index >= WARM_UP) tookMs.push(monotonicMs() - startMs);
  }
  const value = percentile(tookMs, 0.5);
  print({ bench: 'exec', metric: 'terminal_echo_ms_p50', value, unit: 'ms' });
}
