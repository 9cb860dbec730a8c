import { type Clock, Overloaded } from '@orrery/bus';
import type { AggregateCommand, CommandOutcome, Commands } from './commands.ts';

/** How long commands for which the inboxes have no room wait for it, all of one call together. */
export const ROOM_WAIT_MS_MAX = 30_000;

/**
 * For who sends many commands at once: they are what fills the inboxes, so they go on as these empty and are not left
 * half done. `request` throws `Overloaded` only when `ROOM_WAIT_MS_MAX` from now are over.
 */
export function waitingForRoom(
  commands: Commands,
  clock: Clock,
  signal: AbortSignal,
): Pick<Commands, 'request'> {
  const untilMs = clock.nowMs() + ROOM_WAIT_MS_MAX;
  return {
    async request(command: AggregateCommand): Promise<CommandOutcome> {
      for (;;) {
        try {
          return await commands.request(command);
        } catch (error) {
          if (!(error instanceof Overloaded) || clock.nowMs() >= untilMs) throw error;
          await clock.sleep(error.retryAfterMs, signal);
        }
      }
    },
  };
}
