import type { Rejection } from '@orrery/bus';
import type { Gateway } from '../../gateway.ts';

/** What a session has where nobody says anything: no key pair is asked about it. */
export const PRIORITY_USUAL = 10;

interface Asked {
  readonly accessKey: string | undefined;
  readonly kernels: number;
  readonly priority: number;
}

/**
 * What waiting would not mend: more kernels or a higher priority than the key pair may have. The scheduler
 * has the last word, as limits change; nothing is looked up for what is always allowed.
 */
export async function refusedByKeypair(
  { projections }: Pick<Gateway, 'projections'>,
  { accessKey, kernels, priority }: Asked,
): Promise<Rejection | undefined> {
  if (accessKey === undefined || (kernels <= 1 && priority <= PRIORITY_USUAL)) return undefined;
  const row = await projections.findLimits({ scope: 'keypair', key: accessKey });
  const { containersPerSessionMax = Infinity, priorityMax = 100 } = row?.limits ?? {};
  if (kernels > containersPerSessionMax)
    return {
      code: 'container-limit',
      message: `your key pair lets a session have at most ${containersPerSessionMax} kernel(s)`,
      field: 'clusterSize',
      details: { most: containersPerSessionMax },
    };
  if (priority > priorityMax)
    return {
      code: 'priority-limit',
      message: `your key pair lets a session have a priority of at most ${priorityMax}`,
      field: 'priority',
      details: { most: priorityMax },
    };
  return undefined;
}
