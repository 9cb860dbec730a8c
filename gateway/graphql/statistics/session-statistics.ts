import { z } from 'zod';
import { BoundedQueue } from '../../feed/bounded-queue.ts';
import { readHistory } from '../../feed/history.ts';
import { subscription } from '../../feed/subscription.ts';
import type { Gateway } from '../../gateway.ts';
import type { KernelStatistics } from '../../statistics/live-statistics.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { getOwnedSession } from '../sessions/find-owned-session.ts';
import { endsSession } from '../sessions/session-end.ts';

/** Measurements that may wait for a slow reader: more are passed over, the next ones are newer. */
const WAITING_MAX = 1_000;

const Arguments = z.strictObject({ id: z.string() });

/** Each measurement of the session's kernels as it comes, first the newest there are; ends with the session. */
export async function sessionStatistics(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<AsyncGenerator<object, void>> {
  const { id } = parseArguments(Arguments, unparsed);
  const row = await getOwnedSession(context, 'Subscription.sessionStatistics', id);
  return subscription((signal) => statisticsOf(context.gateway, row.id, signal));
}

async function* statisticsOf(
  gateway: Gateway,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<object, void> {
  const { statistics, projections, feed } = gateway;
  const waiting = new BoundedQueue<KernelStatistics>(WAITING_MAX);
  using _watching = feed.onCommitOf('session', id, (commit) => {
    if (endsSession(commit)) waiting.end();
  });
  using listening = new DisposableStack();
  const kernels = await projections.kernelsOfSessions([id]);
  for (const kernel of kernels) {
    listening.use(statistics.onKernel(kernel.id, (told) => void waiting.push(told)));
    const newest = statistics.findKernel(kernel.id);
    if (newest !== undefined) waiting.push(newest);
  }
  // Read after the watching began, so that its end is not missed.
  for await (const commit of readHistory(gateway, { aggregate: 'session', id }, signal))
    if (endsSession(commit)) waiting.end();
  for (;;) {
    const told = await waiting.next(signal);
    if (told === undefined) return;
    const { kernel, atMs, metrics } = told;
    yield { sessionStatistics: { kernelId: kernel, measuredAt: atMs, liveStat: metrics } };
  }
}
