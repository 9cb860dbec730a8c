import { agents } from './agents/agents.ts';
import { auditLog } from './audit/audit-log.ts';
import { verifyAudit } from './audit/verify-audit.ts';
import { clusterAt } from './cluster/cluster-at.ts';
import { rebuildProjections, verifyProjections } from './cluster/projection-report.ts';
import { status } from './cluster/status.ts';
import { signIn } from './identity/sign-in.ts';
import { viewer } from './identity/viewer.ts';
import { images } from './images/images.ts';
import { registerImage } from './images/register-image.ts';
import { observedField, observedSubscription } from './observe.ts';
import type { Resolver, Subscriber } from './resolver.ts';
import type { Resolvers } from './schema.ts';
import { createSession } from './sessions/create-session.ts';
import { execInSession } from './sessions/exec-in-session.ts';
import { session } from './sessions/session.ts';
import { sessionAt } from './sessions/session-at.ts';
import { sessionEvents } from './sessions/session-events.ts';
import { sessionLogs } from './sessions/session-logs.ts';
import { sessions } from './sessions/sessions.ts';
import { sessionsChanged } from './sessions/sessions-changed.ts';
import { terminateSession } from './sessions/terminate-session.ts';

const queries = {
  viewer,
  status,
  session,
  sessions,
  sessionAt,
  agents,
  images,
  auditLog,
  verifyAudit,
  clusterAt,
};
const mutations = {
  signIn,
  createSession,
  terminateSession,
  registerImage,
  execInSession,
  rebuildProjections,
  verifyProjections,
};
const subscriptions = { sessionEvents, sessionsChanged, sessionLogs };

/** Every root field, each measured and mutations traced. */
export function createResolvers(): Resolvers {
  return {
    Query: eachOf<Resolver>(queries, (name, resolver) => observedField(`Query.${name}`, resolver)),
    Mutation: eachOf<Resolver>(mutations, (name, resolver) =>
      observedField(`Mutation.${name}`, resolver),
    ),
    Subscription: eachOf<Subscriber>(subscriptions, observedSubscription),
  };
}

function eachOf<Work>(
  works: Readonly<Record<string, Work>>,
  observe: (name: string, work: Work) => Work,
): Readonly<Record<string, Work>> {
  return Object.fromEntries(
    Object.entries(works).map(([name, work]) => [name, observe(name, work)]),
  );
}
