import {
  DEFAULT_FAIR_SHARE,
  err,
  type FairShare,
  type GroupPolicy,
  ok,
  type Rejection,
  type Result,
} from '@orrery/bus';
import { z } from 'zod';

const Weights = z.record(z.string(), z.number().min(0));
const Days = z.number().positive().nullish();

/** As GraphQL gives it: types are checked already, rules are not. */
export const FairShareInput = z.strictObject({
  halfLifeDays: z.number().nullish(),
  decayUnitDays: z.number().nullish(),
  lookbackDays: z.number().nullish(),
  defaultWeight: z.number().nullish(),
  resourceWeights: z.unknown().optional(),
  domainWeights: z.unknown().optional(),
  projectWeights: z.unknown().optional(),
  userWeights: z.unknown().optional(),
});

const Rules = z.object({
  halfLifeDays: Days,
  decayUnitDays: Days,
  lookbackDays: Days,
  defaultWeight: z.number().min(0).nullish(),
  resourceWeights: Weights.nullish(),
  domainWeights: Weights.nullish(),
  projectWeights: Weights.nullish(),
  userWeights: Weights.nullish(),
});

type Change = Partial<FairShare>;

/** Refused with the input at fault. */
export function parseFairShare(
  input: z.infer<typeof FairShareInput> | undefined,
): Result<Change | undefined, Rejection> {
  if (input === undefined) return ok(undefined);
  const parsed = Rules.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = ['fairShare', ...(issue?.path ?? [])].join('.');
    const message = field.includes('Weight')
      ? 'weights are numbers from 0 by name'
      : 'it is a number of days above 0';
    return err({ code: 'resource-group-invalid', message, field });
  }
  const { domainWeights, projectWeights, userWeights, ...rest } = parsed.data;
  const weights = given({
    domains: domainWeights,
    projects: projectWeights,
    users: userWeights,
  });
  const hasWeights = Object.keys(weights).length > 0;
  return ok({ ...given(rest), ...(hasWeights ? { weights } : {}) });
}

function given<Parts extends object>(parts: Parts): Change & NonNullable<FairShare['weights']> {
  const entries = Object.entries(parts).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(entries);
}

export function shapeFairShare({ fairShare = DEFAULT_FAIR_SHARE }: GroupPolicy): object {
  const { weights = {}, ...rest } = fairShare;
  return {
    ...rest,
    domainWeights: weights.domains ?? {},
    projectWeights: weights.projects ?? {},
    userWeights: weights.users ?? {},
  };
}
