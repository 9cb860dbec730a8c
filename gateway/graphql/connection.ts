import type { Rejection, Result } from '@orrery/bus';
import type { Page } from '@orrery/projections';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';

/** Arguments of every list. Their bounds are the projections' to check. */
export const pageArguments = { first: z.int(), after: z.string().max(1_024).optional() };

/**
 * The GraphQL connection of a page.
 * @throws {RequestFailed} `INPUT_INVALID` for a page that was refused, naming its argument.
 */
export function shapeConnection<Row>(
  page: Result<Page<Row>, Rejection>,
  shape: (row: Row) => object,
): object {
  if (!page.ok) {
    const { message, field, code } = page.error;
    throw new RequestFailed('INPUT_INVALID', message, { field, details: { rejection: code } });
  }
  const { edges, totalCount, hasNextPage, hasPreviousPage } = page.value;
  return {
    edges: edges.map(({ cursor, row }) => ({ cursor, node: shape(row) })),
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount,
  };
}
