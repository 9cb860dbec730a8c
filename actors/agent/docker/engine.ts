import { z } from 'zod';
import { EngineRefused, EngineUnavailable } from '../errors.ts';

/** Longest wait for an answer that the engine gives at once when it is well. */
export const ENGINE_CALL_MS_MAX = 120_000;

const EngineAnswer = z.object({
  statusCode: z.number().optional(),
  reason: z.string().optional(),
  json: z.object({ message: z.string() }).optional().catch(undefined),
  message: z.string().default(''),
});

/**
 * The one door to the engine: what goes wrong behind it comes out as ours.
 * @throws {EngineRefused} with the engine's status, {EngineUnavailable}, or the signal's reason.
 */
export async function callEngine<Value>(
  doing: string,
  signal: AbortSignal,
  call: (limited: AbortSignal) => Promise<Value>,
): Promise<Value> {
  signal.throwIfAborted();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ENGINE_CALL_MS_MAX)]);
  try {
    return await call(limited);
  } catch (cause) {
    signal.throwIfAborted();
    throw translate(doing, cause);
  }
}

export function translate(doing: string, cause: unknown): EngineRefused | EngineUnavailable {
  const answer = EngineAnswer.safeParse(cause);
  const status = answer.data?.statusCode;
  if (status === undefined) return new EngineUnavailable(doing, { cause });
  const why = answer.data?.json?.message ?? answer.data?.message ?? answer.data?.reason ?? '';
  return new EngineRefused(doing, { status, why }, { cause });
}

/** The value, or undefined when the engine says that there is no such thing. */
export async function unlessMissing<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked;
  } catch (cause) {
    if (cause instanceof EngineRefused && cause.status === 404) return undefined;
    throw cause;
  }
}
