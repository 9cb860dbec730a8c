import type { ResourceGroup, ResourceGroupInput } from '../../client/administration-model.ts';
import { UsageWrong } from '../errors.ts';

type Texts = Readonly<Record<string, string>>;

export interface FairShareOptions {
  readonly halfLife?: number;
  readonly decayUnit?: number;
  readonly lookBack?: number;
  readonly defaultWeight?: number;
  readonly slotWeight?: Texts;
  readonly domainWeight?: Texts;
  readonly projectWeight?: Texts;
  readonly userWeight?: Texts;
}

/** Undefined when none of them is given. @throws {UsageWrong} */
export function fairShareOf(options: FairShareOptions): ResourceGroupInput['fairShare'] {
  const input = {
    halfLifeDays: options.halfLife,
    decayUnitDays: options.decayUnit,
    lookbackDays: options.lookBack,
    defaultWeight: options.defaultWeight,
    resourceWeights: options.slotWeight && weightsOf(options.slotWeight),
    domainWeights: options.domainWeight && weightsOf(options.domainWeight),
    projectWeights: options.projectWeight && weightsOf(options.projectWeight),
    userWeights: options.userWeight && weightsOf(options.userWeight),
  };
  return Object.values(input).some((value) => value !== undefined) ? input : undefined;
}

/** @throws {UsageWrong} */
export function weightsOf(texts: Texts): Readonly<Record<string, number>> {
  const weights = Object.entries(texts).map(([name, text]) => [name, Number(text)] as const);
  const wrong = weights.find(([, weight]) => !(weight >= 0) || weight === Infinity);
  if (wrong !== undefined) throw new UsageWrong(`the weight of ${wrong[0]} is no number from 0`);
  return Object.fromEntries(weights);
}

export function wordFairShare({ fairShare }: ResourceGroup): string {
  const { halfLifeDays, decayUnitDays, lookbackDays, defaultWeight, ...weights } = fairShare;
  const words = Object.entries(weights).flatMap(([kind, byName]) =>
    Object.keys(byName).length === 0 ? [] : [`${kind} ${JSON.stringify(byName)}`],
  );
  return [
    `half after ${halfLifeDays} d in steps of ${decayUnitDays} d`,
    `nothing after ${lookbackDays} d`,
    `weight ${defaultWeight}`,
    ...words,
  ].join(', ');
}
