import { err, NodeName, ok, type Rejection, type Result, type SessionRequest } from '@orrery/bus';
import type { GatewayContext } from '../context.ts';
import type { CreateSessionInput } from './create-session-input.ts';
import { findOwnedSession } from './find-owned-session.ts';

export const DEPENDENCIES_MAX = 64;
export const DESIGNATED_AGENTS_MAX = 64;
export const JOB_PRIORITY_MAX = 1000;

const GROUP_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Starts of one session that can be asked for. */
export const RETRIES_MAX = 1000;

/** When and where a session may start, and how often that is tried. */
export type SchedulingTerms = Pick<
  SessionRequest,
  | 'startsAtMs'
  | 'dependencies'
  | 'designated'
  | 'placementGroup'
  | 'jobPriority'
  | 'isPreemptible'
  | 'attemptsMax'
  | 'isFragmentable'
>;

/** Sessions it depends on have to be there, and the caller's; what has ended already counts as it ended. */
export async function parseSchedulingTerms(
  input: CreateSessionInput,
  context: GatewayContext,
): Promise<Result<SchedulingTerms, Rejection>> {
  const refusal = refusedTerms(input);
  if (refusal !== undefined) return err(refusal);
  const { startsAt, dependsOn = [], designatedAgents = [], isDesignationStrict = true } = input;
  const { placementGroup, jobPriority, isPreemptible, maxRetryCount: attemptsMax } = input;
  const { allowFractionalResourceFragmentation: isFragmentable } = input;
  const dependencies: { session: string; name: string }[] = [];
  for (const id of new Set(dependsOn)) {
    const row = await findOwnedSession(context, 'Query.session', id);
    if (row === undefined) return err(unknownDependency(id));
    dependencies.push({ session: row.id, name: row.name });
  }
  return ok({
    ...(startsAt === undefined ? {} : { startsAtMs: startsAt }),
    ...(dependencies.length === 0 ? {} : { dependencies }),
    ...(designatedAgents.length === 0
      ? {}
      : {
          designated: {
            nodes: designatedAgents,
            policy: isDesignationStrict ? ('strict' as const) : ('preferred' as const),
          },
        }),
    ...(placementGroup === undefined ? {} : { placementGroup: groupOf(placementGroup) }),
    ...(jobPriority === undefined ? {} : { jobPriority }),
    ...(isPreemptible === undefined ? {} : { isPreemptible }),
    ...(attemptsMax === undefined ? {} : { attemptsMax }),
    ...(isFragmentable === undefined ? {} : { isFragmentable }),
  });
}

function groupOf({
  name,
  direction,
  isStrict,
}: NonNullable<CreateSessionInput['placementGroup']>): NonNullable<
  SchedulingTerms['placementGroup']
> {
  return {
    name,
    direction: direction === 'PACK' ? 'pack' : 'spread',
    enforcement: isStrict ? 'strict' : 'preferred',
  };
}

function refusedTerms({
  dependsOn = [],
  designatedAgents = [],
  placementGroup,
  jobPriority = 0,
  maxRetryCount = 0,
}: CreateSessionInput): Rejection | undefined {
  if (dependsOn.length > DEPENDENCIES_MAX)
    return {
      code: 'dependencies-invalid',
      message: `a session depends on at most ${DEPENDENCIES_MAX} others`,
      field: 'dependsOn',
    };
  const areAgents = designatedAgents.every((name) => NodeName.safeParse(name).success);
  if (designatedAgents.length > DESIGNATED_AGENTS_MAX || !areAgents)
    return {
      code: 'designated-agents-invalid',
      message: `at most ${DESIGNATED_AGENTS_MAX} names of agents`,
      field: 'designatedAgents',
    };
  if (placementGroup !== undefined && !GROUP_NAME.test(placementGroup.name))
    return {
      code: 'placement-group-invalid',
      message: 'a placement group has a name of 1 to 64 letters, digits, _, - or .',
      field: 'placementGroup',
    };
  if (!Number.isInteger(jobPriority) || Math.abs(jobPriority) > JOB_PRIORITY_MAX)
    return {
      code: 'job-priority-invalid',
      message: `a job priority is a whole number from -${JOB_PRIORITY_MAX} to ${JOB_PRIORITY_MAX}`,
      field: 'jobPriority',
    };
  if (!Number.isInteger(maxRetryCount) || maxRetryCount < 0 || maxRetryCount > RETRIES_MAX)
    return {
      code: 'max-retry-count-invalid',
      message: `starts are a whole number from 0, which is no limit, to ${RETRIES_MAX}`,
      field: 'maxRetryCount',
    };
  return undefined;
}

function unknownDependency(id: string): Rejection {
  return {
    code: 'dependency-unknown',
    message: `there is no session ${JSON.stringify(id.slice(0, 64))}, or none that you may see`,
    field: 'dependsOn',
  };
}
