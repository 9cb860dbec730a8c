import type { Page } from '../client/model.ts';

const PAGE_MAX = 100;

/** Pages one after another until there are `limit` nodes, or no more. */
export async function collect<Node>(
  limit: number,
  fetchPage: (request: {
    readonly first: number;
    readonly after: string | undefined;
  }) => Promise<Page<Node>>,
  after?: string,
): Promise<{
  readonly nodes: readonly Node[];
  readonly totalCount: number;
  readonly next: string | undefined;
}> {
  const nodes: Node[] = [];
  let cursor = after;
  for (;;) {
    const page = await fetchPage({
      first: Math.min(PAGE_MAX, limit - nodes.length),
      after: cursor,
    });
    nodes.push(...page.edges.map(({ node }) => node));
    cursor = page.pageInfo.endCursor ?? cursor;
    const hasMore = page.pageInfo.hasNextPage && page.edges.length > 0;
    if (!hasMore || nodes.length >= limit) {
      return { nodes, totalCount: page.totalCount, next: hasMore ? cursor : undefined };
    }
  }
}
