import type { FairShare, GroupPolicy, Rejection } from '@orrery/bus';

const DAYS_MAX = 366;
const WEIGHT_MAX = 1_000_000;
const SLOT_NAMES_MAX = 18;
/** Owners of a kind that have a weight of their own in one group. */
const OWNERS_WEIGHED_MAX = 1_000;
const OWNER_KEY = /^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$/;

/** The first rule that the options of fair share break. */
export function refusalOfFairShare({ fairShare }: GroupPolicy): Rejection | undefined {
  if (fairShare === undefined) return undefined;
  const { halfLifeDays, lookbackDays, decayUnitDays, defaultWeight } = fairShare;
  if (halfLifeDays > DAYS_MAX) return invalid('halfLifeDays', `it is at most ${DAYS_MAX} days`);
  if (lookbackDays > DAYS_MAX) return invalid('lookbackDays', `it is at most ${DAYS_MAX} days`);
  if (decayUnitDays > lookbackDays)
    return invalid('decayUnitDays', 'it is not longer than lookbackDays');
  if (defaultWeight > WEIGHT_MAX)
    return invalid('defaultWeight', `a weight is a number from 0 to ${WEIGHT_MAX}`);
  return (
    refusalOfWeights('resourceWeights', fairShare.resourceWeights, SLOT_NAMES_MAX) ??
    refusalOfOwners(fairShare)
  );
}

function refusalOfOwners({ weights = {} }: FairShare): Rejection | undefined {
  for (const [kind, byOwner] of Object.entries(weights)) {
    // What people set: `domainWeights`, `projectWeights`, `userWeights`.
    const field = `${kind.replace(/s$/, '')}Weights`;
    const refusal = refusalOfWeights(field, byOwner ?? {}, OWNERS_WEIGHED_MAX);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function refusalOfWeights(
  field: string,
  weights: Readonly<Record<string, number>>,
  namesMax: number,
): Rejection | undefined {
  const all = Object.entries(weights);
  if (all.length > namesMax) return invalid(field, `at most ${namesMax} have a weight`);
  for (const [name, weight] of all) {
    if (!OWNER_KEY.test(name)) return invalid(field, 'a name has 1 to 128 letters, digits, _.@+-');
    if (weight > WEIGHT_MAX)
      return invalid(`${field}.${name}`, `a weight is a number from 0 to ${WEIGHT_MAX}`);
  }
  return undefined;
}

function invalid(field: string, message: string): Rejection {
  return { code: 'resource-group-invalid', message, field: `fairShare.${field}` };
}
