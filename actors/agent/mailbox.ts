/**
 * Hands values from those who push to the one who iterates, in order. Bounded: when `capacity` values
 * wait, `push` answers `full` and keeps nothing.
 */
export class Mailbox<Value> implements AsyncIterable<Value> {
  readonly #waiting: Value[] = [];
  readonly #capacity: number;
  #wake: (() => void) | undefined;
  #end: { readonly failure?: unknown } | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(value: Value): 'taken' | 'full' {
    if (this.#end !== undefined) return 'taken';
    if (this.#waiting.length >= this.#capacity) return 'full';
    this.#waiting.push(value);
    this.#wake?.();
    return 'taken';
  }

  /** What was pushed is still given; then the iteration ends, or throws `failure`. */
  close(failure?: unknown): void {
    this.#end ??= failure === undefined ? {} : { failure };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Value> {
    for (;;) {
      const value = this.#waiting.shift();
      if (value !== undefined) {
        yield value;
        continue;
      }
      if (this.#end !== undefined) {
        if ('failure' in this.#end) throw this.#end.failure;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
