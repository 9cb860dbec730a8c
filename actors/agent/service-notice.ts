import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock, Logger } from '@orrery/bus';

const PROGRAM = 'systemd-notify';
const NOTICE_MS_MAX = 10_000;
const MICROSECONDS_PER_MS = 1_000;
/** Notices within the time after which the service manager gives an agent up. */
const NOTICES_A_PERIOD = 3;

export type SendNotice = (words: readonly string[]) => Promise<void>;

/**
 * Tells systemd, where that keeps the agent, that it is ready, and from then on that it is alive: one that hangs sends
 * nothing and is started anew. Until the signal fires.
 */
export async function keepNoticed(
  parts: {
    readonly environ: Readonly<Record<string, string | undefined>>;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly send?: SendNotice;
  },
  signal: AbortSignal,
): Promise<void> {
  const { environ, clock, logger, send = sendNotice } = parts;
  if (environ['NOTIFY_SOCKET'] === undefined) return;
  let isFailing = false;
  const say = async (words: readonly string[]): Promise<void> => {
    try {
      await send(words);
      isFailing = false;
    } catch (err) {
      if (!isFailing) logger.warn({ err, words }, 'the service manager could not be told');
      isFailing = true;
    }
  };
  await say(['--ready']);
  const periodMs = Number(environ['WATCHDOG_USEC'] ?? '0') / MICROSECONDS_PER_MS;
  while (periodMs > 0 && !signal.aborted) {
    await clock.sleep(periodMs / NOTICES_A_PERIOD, signal).catch(() => undefined);
    if (!signal.aborted) await say(['WATCHDOG=1']);
  }
}

/** Node has no datagram sockets of this sort, so the manager's own program sends it. */
async function sendNotice(words: readonly string[]): Promise<void> {
  await promisify(execFile)(PROGRAM, [...words], { timeout: NOTICE_MS_MAX });
}
