import type { GraphqlCaller } from './graphql.ts';
import type { Page } from './model.ts';
import type { PageRequest } from './page-request.ts';
import { shaped } from './payload.ts';
import type { ResumablePlan } from './resume.ts';
import type { Quota, QuotaScope, Usage, UsageRequest } from './usage-model.ts';

type Resume = <Item>(
  plan: ResumablePlan<Item>,
  signal: AbortSignal | undefined,
) => AsyncGenerator<Item, void>;

/** What people hold, may hold, and have held for how long. */
export class Usages {
  readonly #graphql: GraphqlCaller;
  readonly #resume: Resume;

  constructor(graphql: GraphqlCaller, resume: Resume) {
    this.#graphql = graphql;
    this.#resume = resume;
  }

  /** Of the owners of a kind that the caller may see, by key. */
  async quotas(
    request: PageRequest & { readonly scope: QuotaScope },
    signal?: AbortSignal,
  ): Promise<Page<Quota>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'quotas', variables, signal }));
  }

  async usage(request: UsageRequest, signal?: AbortSignal): Promise<readonly Usage[]> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'usage', variables, signal }));
  }

  /** First each owner as it is, then each whenever it has changed; until the signal fires. */
  quotasChanged(
    variables: { readonly scope: QuotaScope; readonly key?: string | undefined },
    signal?: AbortSignal,
  ): AsyncGenerator<Quota, void> {
    const plan: ResumablePlan<Quota> = {
      operation: 'quotasChanged',
      // After an outage all come again, as they are then.
      variables: () => variables,
      // The gateway shapes its answers by the same schema that the documents are checked against.
      take: (item) => item as Quota,
      isEnd: async () => false,
    };
    return this.#resume(plan, signal);
  }
}
