import type { OrreryClient } from '../client/client.ts';
import type { Session } from '../client/model.ts';
import { NameAmbiguous, NothingFound } from './errors.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NAMESAKES_MAX = 5;

/**
 * The session of an id; else the live one of that exact name; else the newest of that name.
 * @throws {NothingFound | NameAmbiguous}
 */
export async function lookUpSession(
  client: OrreryClient,
  reference: string,
  signal: AbortSignal,
): Promise<Session> {
  if (UUID.test(reference)) {
    const session = await client.findSession(reference.toLowerCase(), signal);
    if (session !== undefined) return session;
    throw missing(reference);
  }
  const live = await client.sessions(
    { filter: { name: reference, isLive: true }, first: NAMESAKES_MAX },
    signal,
  );
  const [first, second] = live.edges;
  if (first !== undefined && second !== undefined) {
    const ids = live.edges.map(({ node }) => node.id).join(', ');
    throw new NameAmbiguous(`several live sessions are named ${reference}; use one of ${ids}`);
  }
  if (first !== undefined) return first.node;
  const past = await client.sessions(
    { filter: { name: reference }, order: { field: 'CREATED_AT', direction: 'DESC' }, first: 1 },
    signal,
  );
  const [newest] = past.edges;
  if (newest === undefined) throw missing(reference);
  return newest.node;
}

function missing(reference: string): NothingFound {
  return new NothingFound('session-not-found', `there is no session ${JSON.stringify(reference)}`);
}
