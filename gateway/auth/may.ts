import type { UserRole } from '@orrery/bus';

/** Who asks: somebody signed in, or nobody known. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly email: string;
      readonly role: UserRole;
      readonly domain: string;
      readonly projectId: string;
      readonly accessKey: string | undefined;
    };
export type SignedInCaller = Extract<Caller, { readonly kind: 'user' }>;

/** What an operation touches: whose it is. Left out for what belongs to nobody. */
export interface Target {
  readonly ownerUserId: string;
  readonly domain: string;
  readonly projectId: string;
}

/** `any`: everybody's; `own`: the caller's; `none`: nothing. */
type Reach = 'any' | 'own' | 'none';
type Rule = Readonly<Record<UserRole, Reach>> & { readonly anonymous: 'any' | 'none' };

const everybody: Rule = {
  anonymous: 'any',
  superadmin: 'any',
  admin: 'any',
  user: 'any',
  monitor: 'any',
};
const signedIn: Rule = { ...everybody, anonymous: 'none' };
const readOwned: Rule = {
  anonymous: 'none',
  superadmin: 'any',
  admin: 'own',
  user: 'own',
  monitor: 'any',
};
const changeOwned: Rule = { ...readOwned, monitor: 'none' };
const operators: Rule = {
  anonymous: 'none',
  superadmin: 'any',
  admin: 'any',
  user: 'none',
  monitor: 'none',
};
const superadmins: Rule = { ...operators, admin: 'none' };
const observers: Rule = { ...superadmins, monitor: 'any' };

/** Every operation of the gateway: GraphQL fields by their coordinates, routes by method and path. */
export const operations = {
  'Query.viewer': signedIn,
  'Query.status': signedIn,
  'Query.session': readOwned,
  'Query.sessions': readOwned,
  'Query.sessionAt': readOwned,
  'Query.sessionWhy': readOwned,
  'Query.sessionFiles': readOwned,
  'Query.agents': signedIn,
  'Query.images': signedIn,
  'Query.resourcePresets': readOwned,
  'Query.checkPresets': readOwned,
  'Query.resourceGroups': readOwned,
  'Query.resourceGroup': readOwned,
  'Query.limits': readOwned,
  'Query.auditLog': readOwned,
  'Query.verifyAudit': observers,
  'Query.clusterAt': readOwned,
  'Query.archive': observers,
  'Query.verifyArchive': observers,
  'Query.setAsideCommands': observers,
  'Mutation.signIn': everybody,
  'Mutation.createSession': changeOwned,
  'Mutation.terminateSession': changeOwned,
  'Mutation.setSessionPriority': changeOwned,
  'Mutation.registerImage': operators,
  'Mutation.setAgentSchedulable': superadmins,
  'Mutation.drainAgent': superadmins,
  'Mutation.createResourcePreset': superadmins,
  'Mutation.modifyResourcePreset': superadmins,
  'Mutation.deleteResourcePreset': superadmins,
  'Mutation.setResourceGroup': superadmins,
  'Mutation.removeResourceGroup': superadmins,
  'Mutation.setLimits': superadmins,
  'Mutation.execInSession': changeOwned,
  'Mutation.executeCode': changeOwned,
  'Mutation.interruptCode': changeOwned,
  'Mutation.completeCode': changeOwned,
  'Mutation.removeSessionFile': changeOwned,
  'Mutation.renameSessionFile': changeOwned,
  'Mutation.rebuildProjections': superadmins,
  'Mutation.verifyProjections': observers,
  'Mutation.runArchive': superadmins,
  'Mutation.replaySetAsideCommand': superadmins,
  'Subscription.sessionEvents': readOwned,
  'Subscription.sessionsChanged': readOwned,
  'Subscription.sessionLogs': readOwned,
  'Subscription.sessionStatistics': readOwned,
  'POST /graphql': everybody,
  'GET /graphql': everybody,
  'WS /graphql': signedIn,
  'POST /auth/token': signedIn,
  'GET /replay': readOwned,
  'GET /files/:session': changeOwned,
  'PUT /files/:session': changeOwned,
  'GET /exec': everybody,
  'WS /exec': everybody,
  'GET /healthz': everybody,
  'GET /readyz': everybody,
  'GET /metrics': everybody,
  'GET /graphiql': everybody,
  'GET /graphiql/:file': everybody,
} as const satisfies Record<string, Rule>;

export type Operation = keyof typeof operations;

export function findOperation(name: string): Operation | undefined {
  return isOperation(name) ? name : undefined;
}

function isOperation(name: string): name is Operation {
  return Object.hasOwn(operations, name);
}

/**
 * Whether the caller may do it to the target. Without a target an operation on what people own asks
 * whether there is anything that the caller may do it to; the answer is then narrowed by `reachOf`.
 */
export function may(caller: Caller, operation: Operation, target?: Target): boolean {
  const reach = reachOf(caller, operation);
  if (reach !== 'own' || target === undefined) return reach !== 'none';
  return (
    caller.kind === 'user' &&
    target.ownerUserId === caller.userId &&
    target.domain === caller.domain &&
    target.projectId === caller.projectId
  );
}

/** How far the operation reaches for the caller. */
export function reachOf(caller: Caller, operation: Operation): Reach {
  const rule: Rule = operations[operation];
  return caller.kind === 'anonymous' ? rule.anonymous : rule[caller.role];
}
