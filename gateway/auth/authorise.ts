import type { Visibility } from '@orrery/projections';
import { RequestFailed } from '../errors.ts';
import {
  administeredProjects,
  type Caller,
  may,
  type Operation,
  reachOf,
  type SignedInCaller,
  type Target,
} from './may.ts';

/** @throws {RequestFailed} `UNAUTHENTICATED` for nobody known, `FORBIDDEN` for somebody who may not. */
export function authorise(caller: Caller, operation: Operation, target?: Target): void {
  if (may(caller, operation, target)) return;
  if (caller.kind === 'anonymous') {
    throw new RequestFailed(
      'UNAUTHENTICATED',
      'Sign in first: this needs a token or a signed request.',
    );
  }
  throw new RequestFailed('FORBIDDEN', `The role ${caller.role} may not do this (${operation}).`);
}

/** For an operation that nobody may do without being signed in. @throws {RequestFailed} as `authorise`. */
export function authoriseSignedIn(
  caller: Caller,
  operation: Operation,
  target?: Target,
): SignedInCaller {
  authorise(caller, operation, target);
  if (caller.kind === 'user') return caller;
  throw new RequestFailed(
    'UNAUTHENTICATED',
    'Sign in first: this needs a token or a signed request.',
  );
}

/** What a reading operation may show to the caller, who has been authorised for it. */
export function visibilityOf(caller: SignedInCaller, operation: Operation): Visibility {
  const { userId, domain } = caller;
  const reach = reachOf(caller, operation);
  switch (reach) {
    case 'any':
      return { kind: 'all' };
    case 'domain':
      return { kind: 'domain', domain, userId };
    case 'project':
      return { kind: 'projects', projects: administeredProjects(caller), domain, userId };
    case 'own':
    case 'none':
      return { kind: 'user', userId };
    default:
      return reach satisfies never;
  }
}
