import { type SeriesPoint, type SeriesRange, subjectOf } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { getOwnedSession } from '../sessions/find-owned-session.ts';

const Arguments = z.strictObject({
  id: z.string().min(1).max(64),
  since: z.number(),
  until: z.number().optional(),
  stepSeconds: z.number(),
  keys: z.array(z.string().min(1).max(64)).max(100).optional(),
});
type Range = z.infer<typeof Arguments>;

/** What the kernels of a session used, also of one that is over. */
export async function sessionStatisticsHistory(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<readonly object[]> {
  const range = parseArguments(Arguments, unparsed);
  const row = await getOwnedSession(context, 'Query.sessionStatisticsHistory', range.id);
  const kernels = await context.gateway.projections.kernelsOfSessions([row.id]);
  const names = new Map(kernels.map(({ id }) => [subjectOf.kernel(id), id]));
  return await historyOf(context.gateway, names, range);
}

/** What a machine used. */
export async function agentStatisticsHistory(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<readonly object[]> {
  const range = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.agentStatisticsHistory');
  return await historyOf(gateway, new Map([[subjectOf.node(range.id), range.id]]), range);
}

/** `names`: the id that is shown of each subject. */
async function historyOf(
  { projections, clock }: Gateway,
  names: ReadonlyMap<string, string>,
  { since, until, stepSeconds, keys }: Range,
): Promise<readonly object[]> {
  const nowMs = clock.nowMs();
  const range: SeriesRange = {
    subjects: [...names.keys()],
    fromMs: since,
    toMs: until ?? nowMs,
    stepMs: Math.round(stepSeconds * 1000),
    keys,
    nowMs,
  };
  const told = await projections.statisticsSeries(range);
  if (!told.ok)
    throw new RequestFailed('INPUT_INVALID', told.error.message, { field: told.error.field });
  const series = Map.groupBy(told.value, ({ subject, key }) => `${subject} ${key}`);
  return [...series.values()].map((points) => shapeSeries(points, names));
}

function shapeSeries(points: readonly SeriesPoint[], names: ReadonlyMap<string, string>): object {
  const [first] = points;
  return {
    id: names.get(first?.subject ?? '') ?? '',
    key: first?.key ?? '',
    points: points.map(({ atMs, mean, peak, capacity }) => ({ at: atMs, mean, peak, capacity })),
  };
}
