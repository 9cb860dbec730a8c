/** So often in a row. */
const REPEATS_MAX = 5;

/**
 * What was read of a program before. One that has used no time at all since then has done nothing else either, as most
 * that wait for their user: its other counters are taken to be what they were, for some time, and then read again for
 * what others do to it.
 */
export class LastReading<Usage extends { readonly cpuMs: number }> {
  #usage: Usage | undefined;
  #repeats = 0;

  keep(usage: Usage): Usage {
    this.#usage = usage;
    this.#repeats = 0;
    return usage;
  }

  /** Undefined: it has to be read. */
  repeat(cpuMs: number | undefined): Usage | undefined {
    if (this.#usage?.cpuMs !== cpuMs || this.#repeats === REPEATS_MAX) return undefined;
    this.#repeats += 1;
    return this.#usage;
  }
}
