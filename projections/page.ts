import { err, ok, type Rejection, type Result } from '@orrery/bus';
import { z } from 'zod';
import type { Page, PageRequest } from './projections.ts';

export const PAGE_ROWS_MAX = 1_000;
const CURSOR_CHARACTERS_MAX = 2_048;

/** The place of a row in an order: the value that it is ordered by, and its key. */
export interface Position {
  readonly value: string | number;
  readonly key: string | number;
}

export interface PagePlan {
  readonly first: number;
  readonly after: Position | undefined;
}

/** What rows are ordered by. A cursor is good for the order that it was made in. */
export interface PageOrder {
  readonly name: string;
  readonly value: 'string' | 'number';
  readonly key: 'string' | 'number';
}

export function planPage(request: PageRequest, order: PageOrder): Result<PagePlan, Rejection> {
  const { first, after } = request;
  if (!Number.isInteger(first) || first < 1 || first > PAGE_ROWS_MAX) {
    const message = `a page has 1 to ${PAGE_ROWS_MAX} entries`;
    return err({ code: 'page-size-invalid', message, field: 'first' });
  }
  if (after === undefined) return ok({ first, after });
  const position = parseCursor(after, order);
  if (position !== undefined) return ok({ first, after: position });
  const message = 'this is no cursor of a list in this order';
  return err({ code: 'cursor-invalid', message, field: 'after' });
}

/** A page of rows, of which one more than wanted was read to know whether there are more. */
export function pageOf<Row>(
  rows: readonly Row[],
  totalCount: number,
  { plan, order }: { readonly plan: PagePlan; readonly order: PageOrder },
  positionOf: (row: Row) => Position,
): Page<Row> {
  return {
    edges: rows
      .slice(0, plan.first)
      .map((row) => ({ cursor: cursorOf(order.name, positionOf(row)), row })),
    totalCount,
    hasNextPage: rows.length > plan.first,
    hasPreviousPage: plan.after !== undefined,
  };
}

function cursorOf(order: string, { value, key }: Position): string {
  return Buffer.from(JSON.stringify([order, value, key])).toString('base64url');
}

const Ordinal = z.union([
  z.string().refine((text) => text.isWellFormed() && !text.includes('\0')),
  z.int(),
]);
const Cursor = z.tuple([z.string(), Ordinal, Ordinal]);

function parseCursor(cursor: string, order: PageOrder): Position | undefined {
  if (cursor.length > CURSOR_CHARACTERS_MAX) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
  const parsed = Cursor.safeParse(value);
  if (!parsed.success) return undefined;
  const [name, ordinal, key] = parsed.data;
  const isOfOrder =
    name === order.name && typeof ordinal === order.value && typeof key === order.key;
  return isOfOrder ? { value: ordinal, key } : undefined;
}
