import type { Clock } from '@orrery/bus';
import type Docker from 'dockerode';
import { EngineUnavailable } from '../errors.ts';

const PING_PERIOD_MS = 5_000;
/** An engine that says nothing for this long, not even that it is there, hangs. */
const SILENCE_MS_MAX = 20_000;

/**
 * Waits for an engine that is at work, however long that takes, and not for one that hangs: it is asked
 * whether it is there, now and then, for as long as the call lasts.
 * @throws {EngineUnavailable} when it says nothing any more; what it was asked for may yet be done.
 */
export async function whileAnswering<Value>(
  engine: { readonly docker: Docker; readonly clock: Clock },
  signal: AbortSignal,
  call: (limited: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const over = new AbortController();
  const silent = new AbortController();
  const watching = watch(engine, silent, over.signal);
  try {
    return await call(AbortSignal.any([signal, silent.signal]));
  } finally {
    over.abort(OVER);
    await watching;
  }
}

async function watch(
  { docker, clock }: { readonly docker: Docker; readonly clock: Clock },
  silent: AbortController,
  over: AbortSignal,
): Promise<void> {
  let answeredAtMs = clock.nowMs();
  while (!over.aborted && !silent.signal.aborted) {
    await clock.sleep(PING_PERIOD_MS, over).catch(() => undefined);
    if (over.aborted) return;
    const abortSignal = AbortSignal.any([over, AbortSignal.timeout(PING_PERIOD_MS)]);
    const isThere = await docker.listContainers({ limit: 1, abortSignal }).then(
      () => true,
      () => false,
    );
    if (isThere) answeredAtMs = clock.nowMs();
    else if (clock.nowMs() - answeredAtMs >= SILENCE_MS_MAX)
      silent.abort(new EngineUnavailable('it was asked whether it is there'));
  }
}

/** Given as a reason so that none is made, with a stack, for every call. */
const OVER = new Error('the call is over');
