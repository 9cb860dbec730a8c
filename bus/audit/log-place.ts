import type { EventLog, LogMessage } from '../bus.ts';
import { MalformedMessage } from '../errors.ts';
import { readCommit } from '../message-codec.ts';
import { CLOCK_SKEW_MS_MAX } from './chain.ts';

/**
 * A sequence behind which every commit lies that was recorded at that time or later, and not much else: the
 * clocks of hosts differ, so what lies behind it still has to be asked for its time. Reads about 20 messages.
 */
export async function sequenceBefore(
  log: Pick<EventLog, 'readMessages' | 'lastSequence'>,
  timeMs: number,
): Promise<number> {
  let low = 0;
  let high = await log.lastSequence();
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await firstTimed(log, middle);
    // All between `middle` and what was found is not there.
    if (found === undefined || found.recordedAtMs >= timeMs - CLOCK_SKEW_MS_MAX) high = middle;
    else low = found.sequence;
  }
  return low;
}

/** The first message after a sequence whose body tells its time. */
async function firstTimed(
  log: Pick<EventLog, 'readMessages'>,
  afterSequence: number,
): Promise<{ readonly sequence: number; readonly recordedAtMs: number } | undefined> {
  for await (const page of log.readMessages({ afterSequence, messagesMax: 1 })) {
    for (const message of page) {
      const recordedAtMs = timeOf(message);
      if (recordedAtMs !== undefined) return { sequence: message.sequence, recordedAtMs };
    }
  }
  return undefined;
}

function timeOf(message: LogMessage): number | undefined {
  try {
    return readCommit(message).recordedAtMs;
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}
