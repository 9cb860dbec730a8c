import {
  type ForecastScore,
  Overloaded,
  type Rejection,
  SCHEDULER_ID,
  type SchedulerCommand,
  type StartForecast,
  type StartSuggestion,
} from '@orrery/bus';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from './after-commit.ts';

/** What is known already is shown when the scheduler is not heard of within this. */
const ASKED_MS_MAX = 5_000;
/** How often it is asked again when it rests from forecasts. */
const TRIES_MAX = 4;
const RETRY_MS_MAX = 1_000;

/**
 * Asks the scheduler when a session that waits will start; resolves when its answer can be read. It answers by an
 * event, the same for a few seconds; without an answer there is none, or an older one.
 */
export async function askForForecast(
  context: GatewayContext,
  { session, userId }: { readonly session: string; readonly userId: string },
): Promise<void> {
  const { clock } = context.gateway;
  const command: SchedulerCommand = { type: 'foretell', session };
  const ended = AbortSignal.any([context.signal, AbortSignal.timeout(ASKED_MS_MAX)]);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const refusal = await Promise.race([told(context, { userId, command }), over(ended)]);
    if (refusal?.code !== 'forecast-busy') return;
    const afterMs = Number(refusal.details?.['retryAfterMs'] ?? 0);
    await clock.sleep(Math.min(RETRY_MS_MAX, afterMs), context.signal);
  }
}

async function told(
  { gateway, traceparent, signal }: GatewayContext,
  { userId, command }: { readonly userId: string; readonly command: SchedulerCommand },
): Promise<Rejection | undefined> {
  try {
    const { outcome } = await gateway.commands.request({
      aggregate: 'scheduler',
      aggregateId: SCHEDULER_ID,
      actor: { kind: 'user', id: userId },
      traceparent,
      command,
    });
    if (!outcome.ok) return outcome.error;
    await waitUntilReadable(gateway, outcome, signal);
    return undefined;
  } catch (error) {
    // So many commands wait that a question may not add to them; what is known can still be read.
    if (error instanceof Overloaded) return undefined;
    throw error;
  }
}

function over(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** The GraphQL type StartForecast. */
export function shapeForecast(forecast: StartForecast): object {
  const { atMs, waiting, startsAtMs, earliestMs, latestMs, unknown, suggestions, score } = forecast;
  return {
    askedAt: atMs,
    waiting,
    startsAt: startsAtMs ?? null,
    earliest: earliestMs ?? null,
    latest: latestMs ?? null,
    message: unknown ?? null,
    suggestions: suggestions.map(shapeSuggestion),
    score: score === undefined ? null : shapeScore(score),
  };
}

function shapeSuggestion(suggestion: StartSuggestion): object {
  const { change, message, resourceGroup, clusterMode, kernels, runsAtMostMs } = suggestion;
  return {
    change: change.toUpperCase().replaceAll('-', '_'),
    message,
    resourceGroup: resourceGroup ?? null,
    clusterMode: clusterMode?.toUpperCase().replaceAll('-', '_') ?? null,
    kernels: kernels ?? null,
    runsAtMostSeconds: runsAtMostMs === undefined ? null : runsAtMostMs / 1000,
  };
}

/** The GraphQL type ForecastScore. */
export function shapeScore({ errorP50Ms, errorP95Ms, ...shares }: ForecastScore): object {
  return { ...shares, errorP50Seconds: errorP50Ms / 1000, errorP95Seconds: errorP95Ms / 1000 };
}
