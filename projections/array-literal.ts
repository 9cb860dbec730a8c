import { storable, storableJson } from './storable-text.ts';
import type { ColumnType } from './tables.ts';

export type RowValues = Readonly<Record<string, unknown>>;

/** One column of rows as the text of a PostgreSQL array: a parameter that needs no more work. */
export function arrayLiteral(
  { property, type }: { readonly property: string; readonly type: ColumnType },
  rows: readonly RowValues[],
): string {
  const isJson = type === 'jsonb' || type === 'json';
  let text = '{';
  for (const row of rows) {
    if (text.length > 1) text += ',';
    text += elementOf(row[property], isJson);
  }
  return `${text}}`;
}

function elementOf(value: unknown, isJson: boolean): string {
  if (value === null || value === undefined) return 'NULL';
  // JSON text has no raw control characters, so quoting it as JSON does is quoting it as an array does.
  if (isJson) return JSON.stringify(storableJson(value));
  if (typeof value === 'string') return quoted(storable(value));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`a column cannot hold a ${typeof value}`);
}

function quoted(text: string): string {
  return text.includes('"') || text.includes('\\')
    ? `"${text.replaceAll(/["\\]/g, '\\$&')}"`
    : `"${text}"`;
}
