import type {
  FairShareStanding,
  FoundResourceGroup,
  LimitsInput,
  LimitsOwner,
  OwnerLimits,
  PresetCheck,
  PresetInput,
  ResourceGroup,
  ResourceGroupInput,
  ResourcePreset,
  ScheduleReplay,
  ScheduleReplayInput,
} from './administration-model.ts';
import type { GraphqlCaller } from './graphql.ts';
import { accepted, given, shaped } from './payload.ts';

/** The log is read from its beginning. */
const REPLAY_MS_MAX = 15 * 60_000;

type GroupPayload = { readonly resourceGroup: ResourceGroup | null };

/** How the cluster gives its resources away, for those who may say so. */
export class Administration {
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.#graphql = graphql;
  }

  async resourcePresets(signal?: AbortSignal): Promise<readonly ResourcePreset[]> {
    return shaped(await this.#graphql.call({ operation: 'resourcePresets', signal }));
  }

  /** Of the default group when none is named. */
  async checkPresets(resourceGroup?: string, signal?: AbortSignal): Promise<PresetCheck> {
    const variables = { resourceGroup };
    return shaped(await this.#graphql.call({ operation: 'checkPresets', variables, signal }));
  }

  /** Those that the caller may use, by name. */
  async resourceGroups(signal?: AbortSignal): Promise<readonly ResourceGroup[]> {
    return shaped(await this.#graphql.call({ operation: 'resourceGroups', signal }));
  }

  /** Undefined when there is none, or none that the caller may use. */
  async findResourceGroup(
    name: string,
    signal?: AbortSignal,
  ): Promise<FoundResourceGroup | undefined> {
    const call = { operation: 'resourceGroup', variables: { name }, signal } as const;
    return shaped<FoundResourceGroup | null>(await this.#graphql.call(call)) ?? undefined;
  }

  async setResourceGroup(input: ResourceGroupInput, signal?: AbortSignal): Promise<ResourceGroup> {
    const call = { operation: 'setResourceGroup', variables: { input }, signal } as const;
    const payload = accepted<GroupPayload>(await this.#graphql.call(call));
    return given(payload.resourceGroup);
  }

  /** The group as it was. */
  async removeResourceGroup(name: string, signal?: AbortSignal): Promise<ResourceGroup> {
    const call = { operation: 'removeResourceGroup', variables: { name }, signal } as const;
    const payload = accepted<GroupPayload>(await this.#graphql.call(call));
    return given(payload.resourceGroup);
  }

  async limits({ scope, key }: LimitsOwner, signal?: AbortSignal): Promise<OwnerLimits> {
    const variables = { scope, key };
    return shaped(await this.#graphql.call({ operation: 'limits', variables, signal }));
  }

  async setLimits(input: LimitsInput, signal?: AbortSignal): Promise<OwnerLimits> {
    const call = { operation: 'setLimits', variables: { input }, signal } as const;
    const payload = accepted<{ limits: OwnerLimits | null }>(await this.#graphql.call(call));
    return given(payload.limits);
  }

  /** What other policies would have made of a period, or make of a trace. */
  async scheduleReplay(input: ScheduleReplayInput, signal?: AbortSignal): Promise<ScheduleReplay> {
    const [operation, deadlineMs] = ['scheduleReplay', REPLAY_MS_MAX] as const;
    const call = { operation, variables: { input }, deadlineMs, signal };
    const payload = accepted<{ replay: ScheduleReplay | null }>(await this.#graphql.call(call));
    return given(payload.replay);
  }

  /** Of the default group when none is named. */
  async fairShare(resourceGroup?: string, signal?: AbortSignal): Promise<FairShareStanding> {
    const [operation, deadlineMs] = ['fairShare', REPLAY_MS_MAX] as const;
    const call = { operation, variables: { resourceGroup }, deadlineMs, signal };
    const payload = accepted<{ standing: FairShareStanding | null }>(
      await this.#graphql.call(call),
    );
    return given(payload.standing);
  }

  async createResourcePreset(input: PresetInput, signal?: AbortSignal): Promise<ResourcePreset> {
    return this.#preset('createResourcePreset', input, signal);
  }

  /** What is left out stays as it is; a shared memory of `0` is none. */
  async modifyResourcePreset(input: PresetInput, signal?: AbortSignal): Promise<ResourcePreset> {
    return this.#preset('modifyResourcePreset', input, signal);
  }

  /** The preset as it was. */
  async deleteResourcePreset(
    input: Pick<PresetInput, 'name' | 'resourceGroup'>,
    signal?: AbortSignal,
  ): Promise<ResourcePreset> {
    return this.#preset('deleteResourcePreset', input, signal);
  }

  /** Cordons an agent, or takes it into use again, which also takes a drain back. */
  async setAgentSchedulable(
    input: { readonly id: string; readonly isSchedulable: boolean },
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#agent('setAgentSchedulable', input, signal);
  }

  /** After `deadlineSeconds` those who still run there have to go. */
  async drainAgent(
    input: {
      readonly id: string;
      readonly deadlineSeconds?: number | undefined;
      readonly mode?: 'TERMINATE' | 'RESCHEDULE' | undefined;
    },
    signal?: AbortSignal,
  ): Promise<string> {
    return this.#agent('drainAgent', input, signal);
  }

  async #agent(
    operation: 'setAgentSchedulable' | 'drainAgent',
    input: object,
    signal?: AbortSignal,
  ): Promise<string> {
    const payload = await this.#graphql.call({ operation, variables: { input }, signal });
    return given(accepted<{ agentId: string | null }>(payload).agentId);
  }

  async #preset(
    operation: `${'create' | 'modify' | 'delete'}ResourcePreset`,
    input: PresetInput,
    signal?: AbortSignal,
  ): Promise<ResourcePreset> {
    const payload = await this.#graphql.call({ operation, variables: { input }, signal });
    const { resourcePreset } = accepted<{ resourcePreset: ResourcePreset | null }>(payload);
    return given(resourcePreset);
  }
}
