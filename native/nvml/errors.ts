import type { NvmlFault } from './addon.ts';

/** NVML refused a call that stands for the whole machine; opening it anew may help (a driver restart). */
export class NvmlFailed extends Error {
  override readonly name = 'NvmlFailed';
  readonly code = 'nvml.failed';
  readonly isRetryable = true;
  /** NVML's own number for the refusal (nvmlReturn_t). */
  readonly status: number;

  constructor(fault: NvmlFault) {
    super(`${fault.call}: ${fault.reason}`);
    this.status = fault.status;
  }
}

export class NvmlClosed extends Error {
  override readonly name = 'NvmlClosed';
  readonly code = 'nvml.closed';
  readonly isRetryable = false;

  constructor() {
    super('NVML was closed here');
  }
}

/** The driver did not let go in time; the library stays loaded until the process ends. */
export class NvmlHung extends Error {
  override readonly name = 'NvmlHung';
  readonly code = 'nvml.hung';
  readonly isRetryable = false;

  constructor(timeoutMs: number, options: { readonly cause: unknown }) {
    super(`NVML did not close within ${timeoutMs} ms`, options);
  }
}

/** The driver tells each event once, so there is one iterator of events at a time. */
export class NvmlWatched extends Error {
  override readonly name = 'NvmlWatched';
  readonly code = 'nvml.watched';
  readonly isRetryable = false;

  constructor() {
    super('the events of this NVML are being watched already');
  }
}
