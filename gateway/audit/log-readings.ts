import { RequestFailed } from '../errors.ts';

/** Readings of the whole log at one time, for verification and replay together. */
export const LOG_READINGS_MAX = 8;

/** Places for those who read the log from end to end. */
export class LogReadings {
  #taken = 0;

  /** Dispose of it when the reading is over. @throws {RequestFailed} `UNAVAILABLE` when all places are taken. */
  begin(): Disposable {
    if (this.#taken >= LOG_READINGS_MAX) {
      throw new RequestFailed(
        'UNAVAILABLE',
        `The log is read ${LOG_READINGS_MAX} times at once already. Ask again in a moment.`,
      );
    }
    this.#taken += 1;
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.#taken -= 1;
        isOver = true;
      },
    };
  }
}
