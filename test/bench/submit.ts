import { type StartedSystem, startSystem } from '../environment/system.ts';
import { monotonicMs, percentile, print, sideBySide, tell, timed } from './measure.ts';
import { printUses, usesOf } from './process-uses.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CONNECTIONS = 8;
const WARM_UP = 400;
const SUBMITS = 1_600;
const BURST = 1_000;
const BURST_CONNECTIONS = 100;
/** Far apart enough for all of a burst to be placed at once. */
const NODES = 10;

/** How fast sessions are taken: one after the other on a few connections, and a thousand at once. */
export async function submit(): Promise<void> {
  await betweenYardsticks('submit', { withDocker: false }, async (yardsticks) => {
    await using system = await startSystem([
      '--driver',
      'simulated',
      '--simulated-nodes',
      String(NODES),
    ]);
    await sideBySide(WARM_UP, CONNECTIONS, () => create(system));
    const before = usesOf(system);
    const times: number[] = [];
    const totalMs = await timed(() =>
      sideBySide(SUBMITS, CONNECTIONS, async () => {
        times.push(await timed(() => create(system)));
      }),
    );
    const rate = (SUBMITS / totalMs) * 1000;
    const posts = yardsticks.get('posts_per_s')?.value ?? Number.NaN;
    const bench = 'submit';
    print({ bench, metric: 'submits_per_s', value: rate, unit: '1/s' });
    print({ bench, metric: 'submit_ratio', value: rate / posts, unit: 'ratio' });
    print({ bench, metric: 'submit_ms_p50', value: percentile(times, 0.5), unit: 'ms' });
    print({ bench, metric: 'submit_ms_p99', value: percentile(times, 0.99), unit: 'ms' });
    printUses(bench, system, { before, sessions: SUBMITS });
    const { acceptedMs, placedMs } = await burst(system);
    print({ bench, metric: 'burst_accepted_ms', value: acceptedMs, unit: 'ms' });
    print({ bench, metric: 'burst_placed_ms', value: placedMs, unit: 'ms' });
  });
}

async function create({ client }: Pick<StartedSystem, 'client'>): Promise<void> {
  await client.createSession({ type: 'BATCH', command: ['true'], cpu: '0.1', memory: '16m' });
}

/** Milliseconds from the first of many creates at once to the last answer, and to the last placement. */
async function burst(
  system: StartedSystem,
): Promise<{ readonly acceptedMs: number; readonly placedMs: number }> {
  const stop = new AbortController();
  const placing = allPlaced(system, { after: await system.bus.log.lastSequence(), stop });
  await using client = system.connect(BURST_CONNECTIONS);
  await Promise.all(Array.from({ length: BURST_CONNECTIONS }, () => client.viewer()));
  const startMs = monotonicMs();
  await sideBySide(BURST, BURST, () => create({ client }));
  const acceptedMs = monotonicMs() - startMs;
  const placedMs = (await placing) - startMs;
  tell(`${BURST} at once: accepted in ${acceptedMs.toFixed(0)} ms`);
  return { acceptedMs, placedMs };
}

/** When as many sessions as a burst has were scheduled that were asked for after the sequence. */
async function allPlaced(
  { bus }: StartedSystem,
  { after, stop }: { readonly after: number; readonly stop: AbortController },
): Promise<number> {
  const { signal } = stop;
  const asked = new Set<string>();
  let placed = 0;
  for await (const commits of bus.log.follow({
    afterSequence: after,
    aggregate: 'session',
    signal,
  }))
    for (const { aggregateId, events } of commits) {
      if (events.some(({ type }) => type === 'session-enqueued')) asked.add(aggregateId);
      else if (asked.has(aggregateId) && events.some(({ type }) => type === 'session-scheduled'))
        placed += 1;
      if (placed < BURST) continue;
      stop.abort();
      return monotonicMs();
    }
  throw new Error('the log ended before all were placed');
}
