import type { Clock, Logger } from '@orrery/bus';
import type { ContainerDriver, KernelContainer } from './container-driver.ts';
import type { KernelRecord } from './kernel-record.ts';
import type { KernelRecords } from './kernel-records.ts';
import { insist } from './persistence.ts';

/**
 * Containers that an engine made too late: it hung when it was asked for them, their kernels were told of as
 * never begun, and when it awakes it does as it was told. Nobody wants them any more.
 */
export class LateContainers {
  readonly #driver: ContainerDriver;
  readonly #records: KernelRecords;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #seen = new Set<string>();

  constructor(options: {
    readonly driver: ContainerDriver;
    readonly records: KernelRecords;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#driver = options.driver;
    this.#records = options.records;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** A container was made: true when its kernel has to be looked at, for it is over. */
  meet(kernel: string): boolean {
    const phase = this.#records.find(kernel)?.phase;
    if (phase !== 'gone' && phase !== 'ended') return false;
    this.#seen.add(kernel);
    return true;
  }

  /** Whether one was made of which nothing else is known; once. */
  take(kernel: string): boolean {
    return this.#seen.delete(kernel);
  }

  /** @throws only the signal's reason. */
  async clear(
    container: KernelContainer | undefined,
    record: KernelRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const isUnwanted = record.phase === 'gone' || record.end?.state === 'failed';
    if (container === undefined || !isUnwanted) return;
    const { kernel } = container;
    const clock = this.#clock;
    const logger = this.#logger;
    logger.warn({ kernel }, 'a container that nobody wants is removed');
    const doing = 'remove a late container';
    await insist({ doing, clock, logger, signal }, () => this.#driver.remove(kernel, signal));
  }
}
