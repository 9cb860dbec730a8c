import type { GraphqlCaller } from './graphql.ts';
import type { AgentDevices, Page } from './model.ts';
import type { PageRequest } from './page-request.ts';
import { shaped } from './payload.ts';
import type {
  HistoryRequest,
  MeasuredAgent,
  MeasuredKernel,
  StatisticsSeries,
} from './statistics-model.ts';

/** What machines have, and what they and the kernels on them use now. */
export class Machines {
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.#graphql = graphql;
  }

  /** What each kernel of the session uses. */
  async usageOfSession(id: string, signal?: AbortSignal): Promise<readonly MeasuredKernel[]> {
    const call = { operation: 'sessionLiveStat', variables: { id }, signal } as const;
    type Answer = { readonly kernels: readonly MeasuredKernel[] } | null;
    return shaped<Answer>(await this.#graphql.call(call))?.kernels ?? [];
  }

  /** What each kernel of the session used. */
  async historyOfSession(
    request: HistoryRequest,
    signal?: AbortSignal,
  ): Promise<readonly StatisticsSeries[]> {
    const call = {
      operation: 'sessionStatisticsHistory',
      variables: { ...request },
      signal,
    } as const;
    return shaped(await this.#graphql.call(call));
  }

  /** What the machine used. */
  async history(
    request: HistoryRequest,
    signal?: AbortSignal,
  ): Promise<readonly StatisticsSeries[]> {
    const call = {
      operation: 'agentStatisticsHistory',
      variables: { ...request },
      signal,
    } as const;
    return shaped(await this.#graphql.call(call));
  }

  async usage(request: PageRequest, signal?: AbortSignal): Promise<Page<MeasuredAgent>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'agentLiveStat', variables, signal }));
  }

  /** Their accelerators, and who holds them. */
  async devices(request: PageRequest, signal?: AbortSignal): Promise<Page<AgentDevices>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'agentDevices', variables, signal }));
  }
}
