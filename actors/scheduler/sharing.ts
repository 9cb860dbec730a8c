/** Values of which one copy is kept at least; past that many the old copies are forgotten, not their holders. */
const SHARED_MAX = 20_000;

/**
 * Keeps one copy of what is the same in many sessions: wishes, owners, slots, reasons. It is most of what a
 * session in the queue would cost.
 */
export interface Sharing {
  /** The copy that was met first of what has the same JSON. Nobody may change it. */
  one<Value extends object>(value: Value): Value;
  text(value: string): string;
  /** The value that was made first under the key. */
  made<Value extends object>(key: string, make: () => Value): Value;
}

export function createSharing(): Sharing {
  const values = new Map<string, unknown>();
  const shared = <Value>(key: string, make: () => Value): Value => {
    const known = values.get(key);
    // The same key, so the same type.
    if (known !== undefined) return known as Value;
    const value = make();
    if (values.size >= SHARED_MAX) values.clear();
    values.set(key, value);
    return value;
  };
  return {
    one: (value) => shared(JSON.stringify(value), () => value),
    text: (value) => shared(`"${value}`, () => value),
    made: shared,
  };
}
