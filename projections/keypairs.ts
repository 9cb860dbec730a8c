import { type KeypairEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { KeypairRow } from './rows.ts';

/** What one event does to the row of a key pair; undefined stands for one of an unknown type. */
export function projectKeypair(
  row: KeypairRow | undefined,
  event: KeypairEvent | undefined,
  at: Moment,
): KeypairRow | undefined {
  if (event?.type === 'keypair-created') {
    const { userId, sealedSecret, isAdmin, rateLimit, resourcePolicy, isActive } = event;
    return {
      accessKey: at.id,
      userId,
      sealedSecret,
      isAdmin,
      rateLimit,
      resourcePolicy: resourcePolicy ?? null,
      isActive: isActive ?? true,
      isDeleted: false,
      createdAtMs: row?.createdAtMs ?? instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(event)), ...placeOf(at) };
}

function changeOf(
  event: Exclude<KeypairEvent, { readonly type: 'keypair-created' }>,
): Partial<KeypairRow> {
  switch (event.type) {
    case 'keypair-changed': {
      const given = Object.entries(event.changes).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given);
    }
    case 'keypair-secret-rotated':
      return { sealedSecret: event.sealedSecret };
    case 'keypair-deactivated':
      return { isActive: false };
    case 'keypair-deleted':
      return { isActive: false, isDeleted: true };
    default:
      return unreachable(event);
  }
}
