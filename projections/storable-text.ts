/** PostgreSQL stores neither the character NUL nor half of a surrogate pair. */
export function storable(text: string): string {
  if (text.isWellFormed() && !text.includes('\0')) return text;
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** The JSON text of a value, without what cannot be stored. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  return UNSTORABLE_ESCAPE.test(text) ? JSON.stringify(deeplyStorable(value)) : text;
}

const UNSTORABLE_ESCAPE = /\\u(?:0000|d[89a-f])/i;

function deeplyStorable(value: unknown): unknown {
  if (typeof value === 'string') return storable(value);
  if (Array.isArray(value)) return value.map(deeplyStorable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [storable(name), deeplyStorable(member)]),
  );
}
