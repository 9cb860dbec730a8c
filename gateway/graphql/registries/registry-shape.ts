import type { Rejection } from '@orrery/bus';
import type { RegistryRow } from '@orrery/projections';

/** The GraphQL type ContainerRegistry. */
export function shapeRegistry(row: RegistryRow): object {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    project: row.project,
    username: row.username,
    hasPassword: row.sealedPassword !== null,
    createdAt: row.createdAtMs,
  };
}

export function refused(rejection: Rejection): object {
  return { rejection };
}

export const REGISTRY_UNKNOWN: Rejection = {
  code: 'registry-unknown',
  message: 'there is no registry of this name',
  field: 'name',
};
