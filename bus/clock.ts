/** Where time comes from. Everything outside this file and its simulated twin takes one as an argument. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Resolves after `delayMs`; rejects with the signal's reason when it fires first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', stop, { once: true });
    }),
};

/**
 * For how long something takes, never for when it was: it goes on steadily when the machine's clock is set,
 * by which a deadline would pass at once or not for hours.
 */
export const steadyClock: Clock = {
  nowMs: () => performance.timeOrigin + performance.now(),
  sleep: systemClock.sleep,
};
