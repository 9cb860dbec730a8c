import type { DomainRow, KeypairRow, PolicyRow, ProjectRow, UserRow } from '@orrery/projections';
import { toEnum } from '../enum-words.ts';

/** The GraphQL type Domain. */
export function shapeDomain(row: DomainRow): object {
  return { ...row, createdAt: row.createdAtMs, modifiedAt: row.modifiedAtMs };
}

/** The GraphQL type Project. */
export function shapeProject(row: ProjectRow): object {
  const { createdAtMs: createdAt, modifiedAtMs: modifiedAt } = row;
  return { ...row, type: toEnum(row.projectType), createdAt, modifiedAt };
}

/** The GraphQL type UserNode. */
export function shapeUserNode(row: UserRow): object {
  const { passwordHash: _, sealedTotpSecret: __, ...shown } = row;
  return {
    ...shown,
    role: toEnum(row.role),
    status: toEnum(row.status),
    projects: row.projects.map(({ projectId, role }) => ({ projectId, role: toEnum(role) })),
    passwordChangedAt: row.passwordChangedAtMs,
    totpActivatedAt: row.totpActivatedAtMs,
    createdAt: row.createdAtMs,
    modifiedAt: row.modifiedAtMs,
  };
}

/** The GraphQL type Keypair. */
export function shapeKeypair(row: KeypairRow): object {
  const { sealedSecret: _, ...shown } = row;
  return { ...shown, createdAt: row.createdAtMs };
}

/** The GraphQL types KeypairResourcePolicy, UserResourcePolicy and ProjectResourcePolicy. */
export function shapePolicy({ name, policy, createdAtMs }: PolicyRow): object {
  const words =
    policy.kind === 'keypair'
      ? { defaultForUnspecified: toEnum(policy.defaultForUnspecified) }
      : {};
  return { ...policy, ...words, name, createdAt: createdAtMs };
}
