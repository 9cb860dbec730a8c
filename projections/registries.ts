import { type RegistryEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { RegistryRow } from './rows.ts';

/** What one event does to the row of a registry; undefined stands for one of an unknown type. */
export function projectRegistry(
  row: RegistryRow | undefined,
  event: RegistryEvent | undefined,
  at: Moment,
): RegistryRow | undefined {
  if (event?.type === 'registry-created') {
    return {
      id: at.id,
      name: event.name,
      url: event.url,
      project: null,
      username: null,
      sealedPassword: null,
      isDeleted: false,
      createdAtMs: instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(event)), ...placeOf(at) };
}

function changeOf(
  event: Exclude<RegistryEvent, { readonly type: 'registry-created' }>,
): Partial<RegistryRow> {
  switch (event.type) {
    case 'registry-url-set':
      return { url: event.url };
    case 'registry-project-set':
      return { project: event.project };
    case 'registry-login-set':
      return { username: event.username, sealedPassword: event.sealedPassword };
    case 'registry-login-removed':
      return { username: null, sealedPassword: null };
    case 'registry-deleted':
      return { isDeleted: true, username: null, sealedPassword: null };
    default:
      return unreachable(event);
  }
}
