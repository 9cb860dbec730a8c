import {
  err,
  Overloaded,
  ok,
  openDuplex,
  PeerFailed,
  type Rejection,
  type Result,
  SchedulingAnswer,
  type SchedulingQuestion,
  subjects,
  TRACE_CHUNK_CHARACTERS_MAX,
  type TraceChunk,
} from '@orrery/bus';
import { RequestFailed } from '../../errors.ts';
import type { GatewayContext } from '../context.ts';

/** After so long it may be free for another question. */
const BUSY_MS = 5_000;

type Answered = Exclude<SchedulingAnswer, { readonly type: 'refused' }>;

/**
 * Has the control process look into the scheduler's log. When nobody waits for the answer any more, it stops.
 * @throws {Overloaded} when it looks into it for others already.
 */
export async function askScheduler(
  { gateway, signal }: Pick<GatewayContext, 'gateway' | 'signal'>,
  question: SchedulingQuestion,
  trace = '',
): Promise<Result<Answered, Rejection>> {
  const { bus, clock } = gateway;
  await using stream = await openDuplex<SchedulingAnswer, TraceChunk>(
    bus.live,
    subjects.scheduling,
    question,
    { clock, incoming: SchedulingAnswer, signal },
  );
  try {
    for (let at = 0; at < trace.length; at += TRACE_CHUNK_CHARACTERS_MAX)
      await stream.send({ chunk: trace.slice(at, at + TRACE_CHUNK_CHARACTERS_MAX) });
    stream.end();
    for await (const answer of stream.incoming) {
      if (answer.type !== 'refused') return ok(answer);
      const { type: _type, ...rejection } = answer;
      return err(rejection);
    }
  } catch (error) {
    return err(refusalOf(error));
  }
  throw new RequestFailed('UNAVAILABLE', 'The control process gave no answer. Ask again.');
}

/** @throws what is no refusal. */
function refusalOf(error: unknown): Rejection {
  if (!(error instanceof PeerFailed)) throw error;
  const { peerCode, message } = error;
  if (peerCode === 'scheduler.busy') throw new Overloaded(message, { retryAfterMs: BUSY_MS });
  return { code: 'question-failed', message };
}
