import type { Logger } from '@orrery/bus';
import type { ContainerDriver } from './container-driver.ts';
import type { KeptLogs } from './kept-logs.ts';

const SAVE_LOG_MS_MAX = 60_000;

/** Keeps the log of a kernel that ended, once, where logs outlive containers. A failure is only noted. */
export async function keepLog(
  {
    keptLogs,
    driver,
    logger,
  }: {
    readonly keptLogs: KeptLogs | undefined;
    readonly driver: ContainerDriver;
    readonly logger: Logger;
  },
  kernel: string,
  exitCode: number | null,
): Promise<void> {
  if (keptLogs === undefined || keptLogs.has(kernel)) return;
  try {
    const request = { kernel, offsetBytes: 0, mode: 'followed' } as const;
    const chunks = driver.logs(request, AbortSignal.timeout(SAVE_LOG_MS_MAX));
    await keptLogs.save(kernel, exitCode, chunks);
  } catch (err) {
    logger.warn({ err, kernel }, 'the log of a kernel could not be kept');
  }
}
