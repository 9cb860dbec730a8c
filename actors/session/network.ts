import {
  type ClusterNetwork,
  known,
  type NetworkReport,
  type NetworkWish,
  networkName,
  ok,
  type SessionCommand,
  type SessionEvent,
} from '@orrery/bus';
import type { Circumstances, Decision, Effect, Outgoing } from '../runtime/aggregate.ts';
import { isKernelOver, type NetworkOfAttempt, type SessionSnapshot } from './machine.ts';
import { failedAgainst, mayRequeue, requeued } from './requeue.ts';

type Report = Extract<SessionCommand, { readonly type: 'report-network' }>;
/** What follows from something that happened, as the session's decider works it out. */
export type Conclude = (happened: readonly (readonly SessionEvent[])[]) => Decision<SessionEvent>;

/** A node tells of a network: of the one that is waited for, or of one that nobody wants any more. */
export function reportNetwork(
  session: SessionSnapshot,
  { node, name, report }: Report,
  { id, nowMs, conclude }: Pick<Circumstances, 'id' | 'nowMs'> & { readonly conclude: Conclude },
): Decision<SessionEvent> {
  const wanted = wantedNetwork(session, id);
  if (wanted?.node !== node || wanted.name !== name) {
    const isThere = report.state !== 'failed';
    return ok({ events: [], effects: isThere ? [dropping(node, name)] : [] });
  }
  if (!session.matches('preparing') || session.context.isNetworkReady === true)
    return ok({ events: [] });
  switch (report.state) {
    case 'ready':
      return conclude([[{ type: 'session-network-ready' }]]);
    case 'failed':
      return conclude([failed(session, report, nowMs)]);
    case 'found':
      return ok({ events: [] });
  }
}

/** The kernels fail of whose nodes none can reach the other. */
export function withoutNetwork(
  session: SessionSnapshot,
  { message }: Extract<ClusterNetwork, { readonly driver: 'impossible' }>,
): readonly SessionEvent[] {
  return kernelsFailed(session, { code: 'network-impossible', message });
}

/** The wish to have the session's network, where it has one that is made. */
export function networkWish(
  session: SessionSnapshot,
  at: { readonly id: string; readonly revision: number },
): readonly Outgoing[] {
  const wanted = wantedNetwork(session, at.id);
  if (wanted === undefined || session.context.isNetworkReady === true) return [];
  const { node, name, driver } = wanted;
  return [toNode(node, at, { shall: 'have-network', network: { name, driver } })];
}

/** Of one attempt, when it is over. */
export function dropOfAttempt(
  session: SessionSnapshot,
  { attempt, network }: NetworkOfAttempt,
  at: { readonly id: string; readonly revision: number },
): readonly Outgoing[] {
  if (network?.driver !== 'bridge' && network?.driver !== 'overlay') return [];
  const { clusterMode } = known(session.context.request);
  const name = networkName(at.id, { attempt, clusterMode });
  return drop({ node: network.node, name, driver: network.driver }, at);
}

export interface MadeNetwork {
  readonly node: string;
  readonly name: string;
  readonly driver: 'bridge' | 'overlay';
}

export function drop(
  { node, name, driver }: MadeNetwork,
  at: { readonly id: string; readonly revision: number },
): readonly Outgoing[] {
  return [toNode(node, at, { shall: 'drop-network', network: { name, driver } })];
}

/** What a node made for the session and shall have. */
export function wantedNetwork(session: SessionSnapshot, id: string): MadeNetwork | undefined {
  const { network, attempt, request } = session.context;
  if (session.status === 'done' || request === undefined) return undefined;
  if (network?.driver !== 'bridge' && network?.driver !== 'overlay') return undefined;
  const name = networkName(id, { attempt, clusterMode: request.clusterMode });
  return { node: network.node, name, driver: network.driver };
}

function failed(
  session: SessionSnapshot,
  { code, message, isRetryable }: Extract<NetworkReport, { readonly state: 'failed' }>,
  nowMs: number,
): readonly SessionEvent[] {
  if (!isRetryable || !mayRequeue(session)) return kernelsFailed(session, { code, message });
  const failedOn = failedAgainst(Object.values(session.context.kernels), { nowMs });
  return requeued(session, { reason: code, message, failedOn });
}

function kernelsFailed(
  session: SessionSnapshot,
  { code, message }: { readonly code: string; readonly message: string },
): readonly SessionEvent[] {
  return Object.entries(session.context.kernels)
    .filter(([, kernel]) => !isKernelOver(kernel))
    .map(([kernel]) => ({ type: 'kernel-failed', kernel, step: 'create', code, message }));
}

/** It does not matter which driver it has: it is known there by its name. */
function dropping(node: string, name: string): Effect {
  const made: MadeNetwork = { node, name, driver: 'bridge' };
  return { type: 'tellNodeToDropNamed', params: made };
}

function toNode(
  node: string,
  { id, revision }: { readonly id: string; readonly revision: number },
  wish: Pick<NetworkWish, 'shall' | 'network'>,
): Outgoing {
  return { to: 'agent', node, key: id, wish: { ...wish, revision, session: id } };
}
