import type { KeypairEvent } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { KeypairRow } from './rows.ts';

/** What one event does to the row of a key pair; undefined stands for one of an unknown type. */
export function projectKeypair(
  row: KeypairRow | undefined,
  event: KeypairEvent | undefined,
  at: Moment,
): KeypairRow | undefined {
  if (event?.type === 'keypair-created') {
    const { userId, sealedSecret, isAdmin, rateLimit } = event;
    return {
      accessKey: at.id,
      userId,
      sealedSecret,
      isAdmin,
      rateLimit,
      isActive: true,
      createdAtMs: row?.createdAtMs ?? instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  const isActive = event?.type === 'keypair-deactivated' ? false : row.isActive;
  return { ...row, isActive, ...placeOf(at) };
}
