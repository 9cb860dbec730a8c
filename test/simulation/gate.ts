/** Lets through everything a process does while it runs, and holds it while it is stopped, as by SIGSTOP. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;

  get isOpen(): boolean {
    return this.#opened === undefined;
  }

  close(): void {
    if (this.#opened !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = resolve;
  }

  open(): void {
    this.#opened = undefined;
    this.#open?.();
  }

  async pass(): Promise<void> {
    while (this.#opened !== undefined) await this.#opened;
  }
}

/**
 * The same object seen from behind a gate: what it answers, and each item of what it gives one after the
 * other, arrives when the gate is open.
 */
export function behind<Target extends object>(gate: Gate, target: Target): Target {
  return new Proxy(target, {
    get: (object, name) => {
      const value: unknown = Reflect.get(object, name);
      if (typeof value === 'function')
        return (...args: unknown[]) => delayed(gate, Reflect.apply(value, object, args));
      return typeof value === 'object' && value !== null ? behind(gate, value) : value;
    },
  });
}

function delayed(gate: Gate, answer: unknown): unknown {
  if (answer instanceof Promise)
    return answer.finally(() => (gate.isOpen ? undefined : gate.pass()));
  if (isAsyncIterable(answer)) return gated(gate, answer);
  return answer;
}

async function* gated(gate: Gate, items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  for await (const item of items) {
    await gate.pass();
    yield item;
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
