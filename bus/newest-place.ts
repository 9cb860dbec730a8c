import type { Outcome } from './envelope.ts';

/** How far one connection knows the log to reach: what is committed later lies behind it. */
export class NewestPlace {
  #sequence = 0;

  get sequence(): number {
    return this.#sequence;
  }

  reach(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** An outcome tells of a commit. */
  learn(outcome: Outcome): Outcome {
    if (outcome.ok) this.reach(outcome.sequence);
    return outcome;
  }
}
