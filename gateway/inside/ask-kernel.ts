import {
  agentLive,
  err,
  ok,
  openDuplex,
  PeerFailed,
  type Rejection,
  type Result,
  StreamOutput,
  type StreamRequest,
} from '@orrery/bus';
import type { z } from 'zod';
import type { Gateway } from '../gateway.ts';

/** An agent that has not answered for so long after it should have is taken for gone. Milliseconds. */
const LATE_MS_MAX = 5_000;
/** Long enough for an interpreter to start, or for a large tree to be removed. Milliseconds. */
const ANSWER_MS_MAX = 5 * 60_000;

/** What is answered with one JSON value. */
export type KernelRequest = Exclude<
  StreamRequest,
  { readonly kind: 'logs' | 'exec' | 'terminal' | 'port' | 'open-files' }
>;

/**
 * Asks the agent of a running kernel and gives its answer. What the agent refuses is a rejection.
 * @throws {StreamBroken} | {BusUnavailable} when it does not answer: the same may be asked again.
 */
export async function askKernel<Answer>(
  { bus, clock }: Pick<Gateway, 'bus' | 'clock'>,
  asked: { readonly node: string; readonly request: KernelRequest },
  schema: z.ZodType<Answer>,
  signal: AbortSignal,
): Promise<Result<Answer, Rejection>> {
  const { node, request } = asked;
  const answered = new AbortController();
  const late = new AbortController();
  const waitMs = request.kind === 'execute' ? request.flushMs : ANSWER_MS_MAX;
  clock.sleep(waitMs + LATE_MS_MAX, answered.signal).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    await using stream = await openDuplex<StreamOutput, never>(
      bus.live,
      agentLive.streams(node),
      request,
      { clock, incoming: StreamOutput, signal: AbortSignal.any([signal, late.signal]) },
    );
    let text = '';
    for await (const frame of stream.incoming) if (frame.kind === 'part') text += frame.text;
    return ok(schema.parse(JSON.parse(text)));
  } catch (error) {
    if (!(error instanceof PeerFailed) || isPassing(error.peerCode)) throw error;
    return err({ code: error.peerCode, message: error.message });
  } finally {
    answered.abort(new Error('the answer is there'));
  }
}

function isPassing(code: string): boolean {
  return code.startsWith('bus.');
}
