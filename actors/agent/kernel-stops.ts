import type { Clock, Logger } from '@orrery/bus';
import type { ContainerDriver, ContainerExit } from './container-driver.ts';
import { EngineUnavailable } from './errors.ts';
import type { NodeTroubles } from './node-troubles.ts';
import { insist } from './persistence.ts';

/** A program that is still there so long after it was to be killed will not end by itself. */
const END_MS_MAX = 10_000;
const CODE = 'kernel-will-not-end';
/** Given as a reason so that none is made, with a stack, for every kernel. */
const OVER = new Error('the kernel has ended');

/** Ends kernels' programs however long that takes, and says of one that goes on after its kill. */
export class KernelStops {
  readonly #options: {
    readonly driver: ContainerDriver;
    readonly troubles?: NodeTroubles | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  };

  constructor(options: {
    readonly driver: ContainerDriver;
    readonly troubles?: NodeTroubles | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#options = options;
  }

  /** Undefined: there was no container. @throws only the signal's reason. */
  async stop(
    target: { readonly kernel: string; readonly graceMs: number },
    signal: AbortSignal,
  ): Promise<ContainerExit | undefined> {
    const { driver, troubles } = this.#options;
    const over = new AbortController();
    let failure: unknown;
    const late = this.#options.clock
      .sleep(target.graceMs + END_MS_MAX, AbortSignal.any([signal, over.signal]))
      .then(() => this.#noteLate(target.kernel, failure));
    late.catch(() => undefined);
    try {
      return await insist({ ...this.#options, doing: 'stop a kernel', signal }, () =>
        driver.stop(target, signal).catch((cause: unknown) => {
          failure = cause;
          throw cause;
        }),
      );
    } finally {
      over.abort(OVER);
      troubles?.clear(CODE, target.kernel);
    }
  }

  #noteLate(kernel: string, failure: unknown): void {
    // Of an engine that does not answer it is told already, and nothing of its kernels is known.
    if (failure instanceof EngineUnavailable) return;
    const why = failure instanceof Error ? `: ${failure.message}` : '';
    const message = `the kernel ${kernel} was killed and its program goes on${why}`;
    this.#options.troubles?.note({ code: CODE, message, kernel });
  }
}
