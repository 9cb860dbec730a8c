/** Ids looked up by one query. */
const IDS_AT_ONCE_MAX = 500;
/** Queries under way at once; what is asked for meanwhile goes into the next one. */
const QUERIES_AT_ONCE_MAX = 2;

type Fetch<Value> = (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
type Asked<Value> = PromiseWithResolvers<Value | undefined>;

/**
 * Looks up together what different requests ask for at the same time. Nothing is remembered: a query
 * begins after everyone whose id is in it has asked.
 */
export class GatheredRead<Value> {
  readonly #fetch: Fetch<Value>;
  readonly #gathered = new Map<string, Asked<Value>>();
  #running = 0;
  #isStarting = false;

  constructor(fetch: Fetch<Value>) {
    this.#fetch = fetch;
  }

  /** @throws what the query throws. */
  load(id: string): Promise<Value | undefined> {
    const known = this.#gathered.get(id);
    if (known !== undefined) return known.promise;
    const asked: Asked<Value> = Promise.withResolvers();
    this.#gathered.set(id, asked);
    this.#startSoon();
    return asked.promise;
  }

  /** After everybody who is ready now has asked. */
  #startSoon(): void {
    if (this.#isStarting || this.#running >= QUERIES_AT_ONCE_MAX) return;
    this.#isStarting = true;
    process.nextTick(() => {
      this.#isStarting = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    const batch = [...this.#gathered].slice(0, IDS_AT_ONCE_MAX);
    if (batch.length === 0) return;
    for (const [id] of batch) this.#gathered.delete(id);
    this.#running += 1;
    if (this.#gathered.size > 0) this.#startSoon();
    try {
      const found = await this.#fetch(batch.map(([id]) => id));
      for (const [id, { resolve }] of batch) resolve(found.get(id));
    } catch (error) {
      for (const [, { reject }] of batch) reject(error);
    } finally {
      this.#running -= 1;
      if (this.#gathered.size > 0) this.#startSoon();
    }
  }
}
