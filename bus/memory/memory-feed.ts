import { BusUnavailable } from '../errors.ts';
import type { Carrier } from './faults.ts';
import type { MemoryStream, StoredMessage } from './memory-stream.ts';

/** Messages of a stream after a place, in order, as they come. */
export async function* followMemory(
  { stream, carrier }: Source,
  options: {
    readonly filter: string;
    readonly afterSequence: number;
    readonly messagesMax: number;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<readonly StoredMessage[]> {
  const { filter, messagesMax, signal } = options;
  const { closed } = carrier;
  let position = options.afterSequence;
  let wake: (() => void) | undefined;
  const wakeUp = (): void => wake?.();
  const stop = stream.onStore(filter, wakeUp);
  signal.addEventListener('abort', wakeUp);
  closed.addEventListener('abort', wakeUp);
  try {
    for (;;) {
      if (signal.aborted) return;
      if (closed.aborted) throw new BusUnavailable('stay connected');
      const messages = stream.read(filter, position, messagesMax);
      const [first] = messages;
      if (first === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      await carrier.hold({ kind: 'feed', subject: first.subject });
      position = messages.at(-1)?.sequence ?? position;
      if (!signal.aborted && !closed.aborted) yield messages;
    }
  } finally {
    stop();
    signal.removeEventListener('abort', wakeUp);
    closed.removeEventListener('abort', wakeUp);
  }
}

export interface Source {
  readonly stream: MemoryStream;
  readonly carrier: Carrier;
}
