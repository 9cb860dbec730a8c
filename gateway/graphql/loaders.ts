import type { ForecastScore } from '@orrery/bus';
import type { KernelSeen, UserRow } from '@orrery/projections';
import { RequestFailed } from '../errors.ts';
import { GatheredRead } from '../feed/gathered-read.ts';
import type { Gateway } from '../gateway.ts';
import { askScheduler } from './scheduling/ask-scheduler.ts';

/** Of one request. */
export interface Loaders {
  userById(id: string): Promise<UserRow | undefined>;
  kernelsOfSession(sessionId: string): Promise<readonly KernelSeen[]>;
  /** Of forecasts in a resource group; undefined before the first has come out. */
  forecastScoreOf(group: string): Promise<ForecastScore | undefined>;
}

export function createLoaders(gateway: Gateway, signal: AbortSignal): Loaders {
  const { projections, identities, kernelRows } = gateway;
  const users = new GatheredRead<UserRow>(async (ids) => {
    const rows = await projections.usersByIds(ids);
    return new Map(rows.map((row) => [row.id, row]));
  });
  const known = new Map<string, Promise<UserRow | undefined>>();
  let scores: Promise<ReadonlyMap<string, ForecastScore>> | undefined;
  return {
    userById: (id) => {
      const user = known.get(id) ?? identities.knownUser(id) ?? users.load(id);
      const found = Promise.resolve(user);
      known.set(id, found);
      return found;
    },
    kernelsOfSession: async (sessionId) => (await kernelRows.load(sessionId)) ?? [],
    forecastScoreOf: async (group) => {
      scores ??= forecastScores({ gateway, signal });
      return (await scores).get(group);
    },
  };
}

/** By resource group. @throws {RequestFailed} when the control process does not know either. */
async function forecastScores(
  parts: Parameters<typeof askScheduler>[0],
): Promise<ReadonlyMap<string, ForecastScore>> {
  const answer = await askScheduler(parts, { type: 'forecast-scores' });
  if (!answer.ok) throw new RequestFailed('UNAVAILABLE', answer.error.message);
  if (answer.value.type !== 'forecast-scores') return new Map();
  return new Map(answer.value.groups.map(({ group, score }) => [group, score]));
}
