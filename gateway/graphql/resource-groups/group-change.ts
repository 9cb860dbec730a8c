import { err, ok, type Rejection, type Result, SchedulerCommand } from '@orrery/bus';
import { z } from 'zod';
import { fromEnum } from '../enum-words.ts';
import { FairShareInput, parseFairShare } from './fair-share-change.ts';

/** As GraphQL gives it: types are checked already, rules are not. */
export const SetGroupArguments = z.strictObject({
  input: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    scheduler: z.string().optional(),
    agentSelectionStrategy: z.string().optional(),
    weights: z.unknown().optional(),
    allowedSessionTypes: z.array(z.string()).optional(),
    isPublic: z.boolean().optional(),
    isActive: z.boolean().optional(),
    usesHostNetwork: z.boolean().optional(),
    access: z
      .strictObject({
        domains: z.array(z.string()),
        projects: z.array(z.string()),
        accessKeys: z.array(z.string()),
      })
      .optional(),
    pendingTimeoutSeconds: z.number().optional(),
    reservation: z.string().optional(),
    preemption: z
      .strictObject({
        isEnabled: z.boolean().nullish(),
        order: z.string().nullish(),
        mode: z.string().nullish(),
        runtimeMinSeconds: z.number().nullish(),
        victimScope: z.string().nullish(),
      })
      .optional(),
    fairShare: FairShareInput.optional(),
    isDefault: z.boolean().optional(),
    maxContainersPerAgent: z.number().optional(),
    defaultSessionOptions: z
      .strictObject({
        priority: z.number().nullish(),
        jobPriority: z.number().nullish(),
        isPreemptible: z.boolean().nullish(),
        clusterMode: z.string().nullish(),
        agentSelectionPolicy: z.string().nullish(),
        maxRetryCount: z.number().nullish(),
        allowFractionalResourceFragmentation: z.boolean().nullish(),
      })
      .optional(),
  }),
});
type Input = z.infer<typeof SetGroupArguments>['input'];

/** The command that makes the change. Refused with the input at fault where a rule needs no look at the group. */
export function parseGroupChange(
  input: Input,
  knownSlots: readonly string[],
): Result<SchedulerCommand, Rejection> {
  const { access, isPublic, preemption } = input;
  if (isPublic === true && access !== undefined)
    return invalid('access', 'a public resource group is for everybody; leave one of both out');
  if (isPublic === false && access === undefined)
    return invalid('isPublic', 'say in access who may use it');
  const weights = parseWeights(input.weights, knownSlots);
  if (!weights.ok) return weights;
  const timeout = parseSeconds('pendingTimeoutSeconds', input.pendingTimeoutSeconds);
  if (!timeout.ok) return timeout;
  const runtime = parseSeconds('preemption.runtimeMinSeconds', preemption?.runtimeMinSeconds);
  if (!runtime.ok) return runtime;
  const fairShare = parseFairShare(input.fairShare);
  if (!fairShare.ok) return fairShare;
  const { isDefault, maxContainersPerAgent: containers } = input;
  if (containers !== undefined && containers < 0)
    return invalid('maxContainersPerAgent', 'a number of containers is not negative; 0: no limit');
  const policy = {
    isDefault,
    containersPerNodeMax: containers === 0 ? null : containers,
    sessionDefaults: sessionDefaultsOf(input),
    fairShare: fairShare.value,
    description: input.description === '' ? null : input.description,
    ordering: word(input.scheduler),
    strategy: word(input.agentSelectionStrategy),
    weights: weights.value,
    allowedSessionTypes: input.allowedSessionTypes?.map(fromEnum),
    access: isPublic === true ? null : access,
    isActive: input.isActive,
    usesHostNetwork: input.usesHostNetwork,
    pendingTimeoutMs: timeout.value,
    reservation: word(input.reservation),
    preemption: preemption && {
      isEnabled: preemption.isEnabled ?? undefined,
      order: word(preemption.order),
      mode: word(preemption.mode),
      runtimeMinMs: runtime.value,
      victimScope: word(preemption.victimScope),
    },
  };
  const command = SchedulerCommand.safeParse({ type: 'set-group', group: input.name, policy });
  if (command.success) return ok(command.data);
  const [issue] = command.error.issues;
  const field = issue?.path[0] === 'group' ? 'name' : String(issue?.path[1] ?? 'input');
  return invalid(field, issue?.message ?? 'it is not valid');
}

function sessionDefaultsOf({ defaultSessionOptions: options }: Input): object | undefined {
  if (options === undefined) return undefined;
  return {
    priority: options.priority ?? undefined,
    jobPriority: options.jobPriority ?? undefined,
    isPreemptible: options.isPreemptible ?? undefined,
    clusterMode: word(options.clusterMode),
    designation: word(options.agentSelectionPolicy),
    attemptsMax: options.maxRetryCount ?? undefined,
    isFragmentable: options.allowFractionalResourceFragmentation ?? undefined,
  };
}

function word(value: string | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : fromEnum(value);
}

/** Milliseconds. */
function parseSeconds(
  field: string,
  seconds: number | null | undefined,
): Result<number | undefined, Rejection> {
  if (seconds === undefined || seconds === null) return ok(undefined);
  const ms = Math.round(seconds * 1000);
  if (seconds >= 0 && Number.isSafeInteger(ms)) return ok(ms);
  return invalid(field, 'a time is not negative, and at most 366 days');
}

/** Null for an empty object, which takes them away. */
function parseWeights(
  unparsed: unknown,
  knownSlots: readonly string[],
): Result<Readonly<Record<string, number>> | null | undefined, Rejection> {
  if (unparsed === undefined) return ok(undefined);
  const weights = Weights.safeParse(unparsed);
  if (!weights.success) return invalid('weights', 'weights are numbers from 0 by slot name');
  const names = Object.keys(weights.data);
  const unknown = names.find((name) => !knownSlots.includes(name));
  if (unknown !== undefined)
    return err({
      code: 'slot-unknown',
      message: `no node has such a slot; known are ${knownSlots.join(', ')}`,
      field: `weights.${unknown.slice(0, 64)}`,
    });
  return ok(names.length === 0 ? null : weights.data);
}

const Weights = z.record(z.string(), z.number().min(0));

function invalid(field: string, message: string): Result<never, Rejection> {
  return err({ code: 'resource-group-invalid', message, field });
}
