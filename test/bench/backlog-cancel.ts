import type { StartedSystem } from '../environment/system.ts';
import type { Onlooker } from './backlog-onlooker.ts';
import { monotonicMs, print, tell } from './measure.ts';
import { printUses, usesOf } from './process-uses.ts';

/** All that wait are ended by as few calls as it takes: until each is CANCELLED, and out of the queue. */
export async function cancelAll(
  system: StartedSystem,
  onlooker: Onlooker,
  count: number,
): Promise<void> {
  const before = usesOf(system);
  const startMs = monotonicMs();
  const filter = { statuses: ['PENDING'] } as const;
  let told = 0;
  for (let hasMore = true; hasMore; ) {
    const answer = await system.client.terminateSessions({ filter, mode: 'GRACEFUL' });
    told += answer.sessionIds.length;
    if (answer.refused.length > 0) throw new Error(JSON.stringify(answer.refused[0]));
    hasMore = answer.hasMore;
  }
  const answeredMs = monotonicMs() - startMs;
  const overMs = (await onlooker.cancelledAtLeast(count)) - startMs;
  const outMs = (await onlooker.dequeuedAtLeast(count)) - startMs;
  tell(`${told} told in ${answeredMs.toFixed(0)} ms`);
  const bench = 'backlog';
  print({ bench, metric: 'cancels_per_s', value: (count / overMs) * 1000, unit: '1/s' });
  print({ bench, metric: 'dequeued_per_s', value: (count / outMs) * 1000, unit: '1/s' });
  printUses('backlog cancelled', system, { before, sessions: count });
}
