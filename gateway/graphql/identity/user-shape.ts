import type { UserRow } from '@orrery/projections';

/** The GraphQL type User. */
export function shapeUser(
  user: Pick<UserRow, 'id' | 'email' | 'username' | 'role' | 'domain' | 'projectId'>,
): object {
  const { id, email, username, role, domain, projectId } = user;
  return { id, email, username, role, domain, projectId };
}
