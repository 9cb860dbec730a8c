import type { AggregateName } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { SignedInCaller } from '../../auth/may.ts';
import { RequestFailed } from '../../errors.ts';
import { subscription } from '../../feed/subscription.ts';
import { Watermark } from '../../feed/watermark.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { groupQuotas, type Quota, type QuotaKind, QuotaScopeInput, shapeQuota } from './quotas.ts';

/** Owners of one subscription. */
const OWNERS_MAX = 1_000;
/** What happens within this time is told together. Milliseconds. */
const READ_AGAIN_MS = 500;
/** Whose commits may change what is held, what may be held, or whose it is. */
const CHANGING = [
  'scheduler',
  'node',
  'user',
  'project',
  'domain',
] as const satisfies AggregateName[];

const Arguments = z.strictObject({ scope: QuotaScopeInput, key: z.string().max(256).optional() });

const OPERATION = 'Subscription.quotasChanged';

/** Each owner at first, then each whose numbers have changed. Ends for nobody by itself. */
export async function quotasChanged(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<AsyncGenerator<object, void>> {
  const { scope, key } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, OPERATION);
  const read = (): Promise<readonly Quota[]> => readQuotas(gateway, viewer, { scope, key });
  return subscription((signal) => changes(gateway, read, signal));
}

async function* changes(
  { feed, progress, clock }: Pick<Gateway, 'feed' | 'progress' | 'clock'>,
  read: () => Promise<readonly Quota[]>,
  signal: AbortSignal,
): AsyncGenerator<object, void> {
  using listening = new DisposableStack();
  const changed = new Watermark();
  let newest = 0;
  for (const aggregate of CHANGING)
    listening.use(
      feed.onCommit(aggregate, ({ sequence }) => {
        newest = sequence;
        changed.advance(sequence);
      }),
    );
  const told = new Map<string, string>();
  for (;;) {
    const upTo = newest;
    await progress.reached(upTo, signal);
    for (const quota of await read()) {
      const text = JSON.stringify(quota);
      if (told.get(quota.key) === text) continue;
      told.set(quota.key, text);
      yield { quotasChanged: quota };
    }
    await changed.reached(upTo + 1, signal);
    await clock.sleep(READ_AGAIN_MS, signal);
  }
}

/** @throws {RequestFailed} `INPUT_INVALID` when there are too many. */
async function readQuotas(
  gateway: Gateway,
  viewer: SignedInCaller,
  { scope, key }: { readonly scope: QuotaKind; readonly key: string | undefined },
): Promise<readonly Quota[]> {
  if (scope === 'resource-group') {
    const groups = await groupQuotas(gateway, viewer, OPERATION);
    return groups.filter((group) => key === undefined || group.key === key);
  }
  const visibility = visibilityOf(viewer, OPERATION);
  const listing = { scope, key, visibility, first: OWNERS_MAX };
  const listed = await gateway.projections.listQuotas(listing);
  if (!listed.ok || listed.value.hasNextPage)
    throw new RequestFailed(
      'INPUT_INVALID',
      `There are more than ${OWNERS_MAX} of them: name one.`,
      { field: 'key' },
    );
  return listed.value.edges.map(({ row }) => shapeQuota(scope, row));
}
