/** What waits between one who tells and one who reads at their own pace. At most `itemsMax` wait. */
export class BoundedQueue<Item> {
  readonly #items: Item[] = [];
  readonly #itemsMax: number;
  #wake: (() => void) | undefined;
  #end: { readonly error: Error | undefined } | undefined;

  constructor(itemsMax: number) {
    this.#itemsMax = itemsMax;
  }

  /** False when there is no room: the item is not taken. */
  push(item: Item): boolean {
    if (this.#end !== undefined) return true;
    if (this.#items.length >= this.#itemsMax) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** What waits is still given out; then the reader gets the error, or the end. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** Undefined at the end. @throws the error it was ended with, or the signal's reason. */
  async next(signal: AbortSignal): Promise<Item | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const item = this.#items.shift();
      if (item !== undefined) return item;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      await this.#changed(signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
