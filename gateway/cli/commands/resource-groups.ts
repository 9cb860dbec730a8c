import {
  AGENT_SELECTION_STRATEGIES,
  PREEMPTION_MODES,
  PREEMPTION_ORDERS,
  PREEMPTION_SCOPES,
  RESERVATIONS,
  type ResourceGroup,
  type ResourceGroupInput,
  SCHEDULED_SESSION_TYPES,
  SCHEDULING_ORDERS,
} from '../../client/administration-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { type Column, cardLines, tableLines } from '../table.ts';
import { wordInstant, wordScore, wordSlots } from '../wording.ts';
import {
  type FairShareOptions,
  fairShareOf,
  weightsOf,
  wordFairShare,
} from './fair-share-options.ts';
import { hyphened, oneOf } from './gateway-words.ts';
import {
  type SessionDefaultOptions,
  sessionDefaultsOf,
  wordSessionDefaults,
} from './group-session-options.ts';

const columns: readonly Column<ResourceGroup>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'SCHEDULER', cell: ({ scheduler }) => hyphened(scheduler) },
  { title: 'STRATEGY', cell: ({ agentSelectionStrategy: name }) => hyphened(name), rank: 1 },
  { title: 'PUBLIC', cell: ({ isPublic }) => (isPublic ? 'yes' : 'no'), rank: 3 },
  { title: 'AGENTS', cell: ({ agents }) => String(agents), side: 'right' },
  { title: 'WAITING', cell: ({ pendingSessions }) => String(pendingSessions), side: 'right' },
  { title: 'DESCRIPTION', cell: ({ description }) => description ?? '', rank: 2 },
];

/** JSON: an array of groups. */
export async function listGroups(context: CommandContext): Promise<undefined> {
  const { output, signal } = context;
  const { administration } = await context.client();
  const groups = await administration.resourceGroups(signal);
  await output.result(groups, () =>
    tableLines(groups, columns, { width: output.width, overflow: 'keep' }),
  );
}

/** JSON: the group. @throws {NothingFound} */
export async function showGroup(context: CommandContext, name: string): Promise<undefined> {
  const { administration } = await context.client();
  const group = await administration.findResourceGroup(name, context.signal);
  if (group === undefined)
    throw new NothingFound(
      'resource-group-not-found',
      `there is no resource group ${JSON.stringify(name)}, or none that you may use`,
    );
  const { forecastScore: score } = group;
  await context.output.result(group, () =>
    lines(group, ['Forecasts', score === null ? 'none has come out yet' : wordScore(score)]),
  );
}

export interface GroupSetOptions extends GlobalOptions, FairShareOptions, SessionDefaultOptions {
  readonly default?: 'on' | 'off';
  readonly containers?: number;
  readonly description?: string;
  readonly scheduler?: string;
  readonly strategy?: string;
  readonly weight?: Readonly<Record<string, string>>;
  readonly sessionType?: readonly string[];
  readonly pendingTimeout?: number;
  readonly reservation?: string;
  readonly public?: boolean;
  readonly active?: 'on' | 'off';
  readonly hostNetwork?: 'on' | 'off';
  readonly allowDomain?: readonly string[];
  readonly allowProject?: readonly string[];
  readonly allowKey?: readonly string[];
  readonly preemption?: 'on' | 'off';
  readonly preemptionOrder?: string;
  readonly preemptionMode?: string;
  readonly preemptionScope?: string;
  readonly preemptionRuntime?: number;
}

/** JSON: the group as it is now. */
export async function setGroup(
  context: CommandContext,
  name: string,
  options: GroupSetOptions,
): Promise<undefined> {
  const input = inputOf(name, options);
  const { administration } = await context.client();
  const group = await administration.setResourceGroup(input, context.signal);
  await context.output.result(group, () => lines(group));
}

/** Prints the name. JSON: the group as it was. */
export async function removeGroup(context: CommandContext, name: string): Promise<undefined> {
  const { administration } = await context.client();
  const group = await administration.removeResourceGroup(name, context.signal);
  await context.output.result(group, () => [group.name]);
}

function inputOf(name: string, options: GroupSetOptions): ResourceGroupInput {
  const { allowDomain: domains, allowProject: projects, allowKey: accessKeys } = options;
  const isNarrowed = [domains, projects, accessKeys].some((names) => names !== undefined);
  const preemption = {
    isEnabled: options.preemption && options.preemption === 'on',
    order: oneOf(PREEMPTION_ORDERS, options.preemptionOrder),
    mode: oneOf(PREEMPTION_MODES, options.preemptionMode),
    victimScope: oneOf(PREEMPTION_SCOPES, options.preemptionScope),
    runtimeMinSeconds: options.preemptionRuntime,
  };
  const hasPreemption = Object.values(preemption).some((value) => value !== undefined);
  return {
    name,
    description: options.description,
    scheduler: oneOf(SCHEDULING_ORDERS, options.scheduler),
    agentSelectionStrategy: oneOf(AGENT_SELECTION_STRATEGIES, options.strategy),
    weights: options.weight && weightsOf(options.weight),
    allowedSessionTypes: options.sessionType?.flatMap(
      (type) => oneOf(SCHEDULED_SESSION_TYPES, type) ?? [],
    ),
    pendingTimeoutSeconds: options.pendingTimeout,
    reservation: oneOf(RESERVATIONS, options.reservation),
    isPublic: options.public,
    isActive: options.active && options.active === 'on',
    usesHostNetwork: options.hostNetwork && options.hostNetwork === 'on',
    access: isNarrowed ? { domains, projects, accessKeys } : undefined,
    preemption: hasPreemption ? preemption : undefined,
    fairShare: fairShareOf(options),
    isDefault: options.default && options.default === 'on',
    maxContainersPerAgent: options.containers,
    defaultSessionOptions: sessionDefaultsOf(options),
  };
}

function lines(group: ResourceGroup, ...more: Parameters<typeof cardLines>[0]): readonly string[] {
  const { preemption, access, weights } = group;
  return cardLines([
    ['Name', group.name],
    ['Description', group.description],
    ['Scheduler', hyphened(group.scheduler)],
    ['Strategy', hyphened(group.agentSelectionStrategy)],
    ['Weights', weights && JSON.stringify(weights)],
    ['Active', group.isActive ? null : 'no: nobody starts there'],
    ['Network', group.usesHostNetwork ? 'that of the machines' : null],
    ['Takes', group.allowedSessionTypes.map(hyphened).join(', ')],
    [
      'Ends who waits',
      group.pendingTimeoutSeconds === 0 ? 'never' : `${group.pendingTimeoutSeconds} s`,
    ],
    ['Reservation', hyphened(group.reservation)],
    ['Preemption', preemption.isEnabled ? wordPreemption(preemption) : 'off'],
    ['Fair share', group.scheduler === 'FAIR_SHARE' ? wordFairShare(group) : null],
    ['Default', group.isDefault ? 'yes: sessions that name no group are in it' : null],
    ['Sessions have', wordSessionDefaults(group)],
    [
      'Containers',
      group.maxContainersPerAgent === null ? null : `${group.maxContainersPerAgent} an agent`,
    ],
    ['For', access === null ? (group.isPublic ? 'everybody' : 'some') : wordAccess(access)],
    ['Agents', `${group.agents}, ${group.schedulableAgents} taking sessions`],
    ['Available', wordSlots(group.availableSlots) || 'nothing'],
    ['Occupied', wordSlots(group.occupiedSlots) || 'nothing'],
    ['Waiting', String(group.pendingSessions)],
    ['Set', group.setAt === null ? 'never' : wordInstant(group.setAt)],
    ...more,
  ]);
}

function wordPreemption(preemption: ResourceGroup['preemption']): string {
  const { order, mode, victimScope, runtimeMinSeconds } = preemption;
  return `${hyphened(mode)} ${hyphened(order)} of the ${hyphened(victimScope)}, after ${runtimeMinSeconds} s`;
}

function wordAccess(access: NonNullable<ResourceGroup['access']>): string {
  const { domains, projects, accessKeys } = access;
  return [
    ...domains.map((name) => `domain ${name}`),
    ...projects.map((name) => `project ${name}`),
    ...accessKeys,
  ].join(', ');
}
