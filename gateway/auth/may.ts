import type { Membership, UserRole } from '@orrery/bus';
import { directoryOperations } from './directory-operations.ts';
import {
  actAlone,
  changeOwned,
  everybody,
  observers,
  operators,
  type Reach,
  type Rule,
  readOwned,
  readUsable,
  type Seat,
  signedIn,
  superadmins,
} from './rules.ts';

/** Who asks: somebody signed in, or nobody known. */
export type Caller =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly email: string;
      readonly userName?: string | undefined;
      readonly role: UserRole;
      readonly domain: string;
      /** Of sessions that name none. */
      readonly projectId: string;
      readonly projects: readonly Membership[];
      readonly accessKey: string | undefined;
    };
export type SignedInCaller = Extract<Caller, { readonly kind: 'user' }>;

/** What an operation touches: whose it is. Left out for what belongs to nobody. */
export interface Target {
  readonly ownerUserId: string;
  readonly domain: string;
  readonly projectId: string;
}

/** Every operation of the gateway: GraphQL fields by their coordinates, routes by method and path. */
export const operations = {
  'Query.viewer': signedIn,
  'Query.status': signedIn,
  'Query.session': readOwned,
  'Query.sessions': readOwned,
  'Query.sessionAt': readOwned,
  'Query.sessionWhy': readOwned,
  'Query.sessionFiles': readOwned,
  'Query.sessionApps': readOwned,
  'Query.sessionStatisticsHistory': readOwned,
  'Query.agentStatisticsHistory': signedIn,
  'Query.terminalRecordings': readOwned,
  'Query.sshKeys': readOwned,
  'Query.sshServer': signedIn,
  'Query.agents': signedIn,
  'Query.images': signedIn,
  'Query.containerRegistries': observers,
  'Query.resourcePresets': readUsable,
  'Query.checkPresets': readUsable,
  'Query.resourceGroups': readUsable,
  'Query.resourceGroup': readUsable,
  'Query.limits': readOwned,
  'Query.quotas': readOwned,
  'Query.usage': readOwned,
  'Query.scheduleReplay': observers,
  'Query.fairShare': observers,
  'Query.auditLog': readOwned,
  'Query.verifyAudit': observers,
  'Query.clusterAt': readOwned,
  'Query.archive': observers,
  'Query.verifyArchive': observers,
  'Query.setAsideCommands': observers,
  'Mutation.signIn': everybody,
  'Mutation.enrolTotp': signedIn,
  'Mutation.confirmTotp': signedIn,
  'Mutation.removeTotp': signedIn,
  'Mutation.createSession': changeOwned,
  'Mutation.terminateSession': changeOwned,
  'Mutation.terminateSessions': changeOwned,
  'Mutation.setSessionPriority': changeOwned,
  'Mutation.registerImage': operators,
  'Mutation.rescanImages': operators,
  'Mutation.aliasImage': superadmins,
  'Mutation.dealiasImage': superadmins,
  'Mutation.forgetImage': superadmins,
  'Mutation.createContainerRegistry': superadmins,
  'Mutation.modifyContainerRegistry': superadmins,
  'Mutation.deleteContainerRegistry': superadmins,
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
  'Mutation.openTerminal': changeOwned,
  'Mutation.shareTerminal': changeOwned,
  'Mutation.startApp': changeOwned,
  'Mutation.stopApp': changeOwned,
  'Mutation.openApp': changeOwned,
  'Mutation.forwardPort': changeOwned,
  'Mutation.addSshKey': actAlone,
  'Mutation.labelSshKey': actAlone,
  'Mutation.removeSshKey': actAlone,
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
  'Subscription.quotasChanged': readOwned,
  'POST /graphql': everybody,
  'GET /graphql': everybody,
  'WS /graphql': signedIn,
  'POST /auth/token': signedIn,
  'GET /replay': readOwned,
  'GET /files/:session': changeOwned,
  'PUT /files/:session': changeOwned,
  'GET /recordings/:session/:name': readOwned,
  'GET /apps/:session/:app': everybody,
  'POST /apps/:session/:app': everybody,
  'PUT /apps/:session/:app': everybody,
  'PATCH /apps/:session/:app': everybody,
  'DELETE /apps/:session/:app': everybody,
  'GET /apps/:session/:app/*': everybody,
  'POST /apps/:session/:app/*': everybody,
  'PUT /apps/:session/:app/*': everybody,
  'PATCH /apps/:session/:app/*': everybody,
  'DELETE /apps/:session/:app/*': everybody,
  'GET /terminal': everybody,
  'WS /terminal': everybody,
  'GET /port': everybody,
  'WS /port': everybody,
  'GET /exec': everybody,
  'WS /exec': everybody,
  'GET /healthz': everybody,
  'GET /readyz': everybody,
  'GET /metrics': everybody,
  'GET /graphiql': everybody,
  'GET /graphiql/:file': everybody,
  ...directoryOperations,
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
  if (reach === 'none' || reach === 'any' || target === undefined) return reach !== 'none';
  if (caller.kind === 'anonymous') return false;
  if (target.ownerUserId === caller.userId) return true;
  switch (reach) {
    case 'domain':
      return target.domain === caller.domain;
    case 'project':
      return (
        target.domain === caller.domain && administeredProjects(caller).includes(target.projectId)
      );
    case 'own':
      return false;
    default:
      return reach satisfies never;
  }
}

/** How far the operation reaches for the caller. */
export function reachOf(caller: Caller, operation: Operation): Reach {
  const rule: Rule = operations[operation];
  return rule[seatOf(caller)];
}

/** Their column in the table of operations. */
export function seatOf(caller: Caller): Seat {
  if (caller.kind === 'anonymous') return 'anonymous';
  switch (caller.role) {
    case 'superadmin':
    case 'monitor':
      return caller.role;
    case 'admin':
      return 'domain-admin';
    case 'user':
      return administeredProjects(caller).length > 0 ? 'project-admin' : 'user';
    default:
      return caller.role satisfies never;
  }
}

export function administeredProjects({ projects }: SignedInCaller): readonly string[] {
  return projects.filter(({ role }) => role === 'admin').map(({ projectId }) => projectId);
}

/**
 * Whether the caller's sessions may belong to the project of the domain (reference: acting for another
 * user): a superadmin's to any, a domain administrator's to those of the own domain, others' to the
 * projects that they are members of.
 */
export function mayPlaceIn(
  caller: SignedInCaller,
  { domain, projectId }: Pick<Target, 'domain' | 'projectId'>,
): boolean {
  if (caller.role === 'superadmin') return true;
  if (domain !== caller.domain) return false;
  return caller.role === 'admin' || caller.projects.some((one) => one.projectId === projectId);
}
