/**
 * What a subscription gives, ended at once when its reader leaves: a generator alone would go on until
 * its next item.
 */
export function subscription<Item>(
  produce: (signal: AbortSignal) => AsyncGenerator<Item, void>,
): AsyncGenerator<Item, void> {
  const leaving = new AbortController();
  const items = produce(leaving.signal);
  const leave = async (): Promise<IteratorResult<Item, void>> => {
    leaving.abort();
    await items.return();
    return { done: true, value: undefined };
  };
  return {
    async next() {
      try {
        return await items.next();
      } catch (error) {
        if (leaving.signal.aborted) return { done: true, value: undefined };
        throw error;
      }
    },
    return: leave,
    async throw(error) {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await leave();
    },
  };
}
