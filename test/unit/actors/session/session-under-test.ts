import {
  derivedId,
  type SessionCommand,
  type SessionEvent,
  type SessionRequest,
} from '@orrery/bus';
import type { Effect } from '../../../../actors/runtime/aggregate.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { decide } from '../../../../actors/session/decide.ts';
import type { SessionSnapshot } from '../../../../actors/session/machine.ts';

export const sessionId = derivedId('session under test');
export const mainKernel = derivedId('main kernel');
export const subKernel = derivedId('sub kernel');

export function requestOf(changes: Partial<SessionRequest> = {}): SessionRequest {
  return {
    name: 'a-session',
    sessionType: 'interactive',
    owner: {
      userId: derivedId('owner'),
      email: 'a@b.test',
      projectId: 'default',
      domain: 'default',
    },
    resourceGroup: 'default',
    clusterMode: 'single-node',
    priority: 10,
    environ: {},
    command: null,
    kernels: [kernelOf(mainKernel, 'main')],
    ...changes,
  };
}

export function kernelOf(id: string, role: 'main' | 'sub'): SessionRequest['kernels'][number] {
  const slots = { cpu: '1', mem: '1073741824' };
  return {
    id,
    role,
    index: 1,
    localRank: role === 'main' ? 0 : 1,
    hostname: `${role}1`,
    image: 'host',
    slots,
  };
}

/** A session after commands that must all be accepted, with what they led to. */
export function sessionAfter(...commands: readonly SessionCommand[]) {
  const events: SessionEvent[] = [];
  const effects: Effect[] = [];
  let state: SessionSnapshot = sessionAggregate.initial(sessionId);
  for (const command of commands) {
    const decision = decide(state, command, { id: sessionId, revision: events.length, nowMs: 0 });
    if (!decision.ok) throw new Error(`${command.type} was refused: ${decision.error.code}`);
    for (const event of decision.value.events) {
      const applied = sessionAggregate.apply(state, event);
      if (applied === undefined) throw new Error(`${event.type} is not legal`);
      state = applied.state;
      events.push(event);
      effects.push(...applied.effects);
    }
    effects.push(...(decision.value.effects ?? []));
  }
  return { state, events, effects, types: events.map(({ type }) => type) };
}

export const enqueue = (changes: Partial<SessionRequest> = {}): SessionCommand => ({
  type: 'enqueue',
  request: requestOf(changes),
});

export const place = (
  attempt = 1,
  kernels: readonly string[] = [mainKernel],
  node = 'node-a',
): SessionCommand => ({
  type: 'place',
  attempt,
  placements: kernels.map((kernel) => ({ kernel, node, slots: { cpu: '1' } })),
});

type Report = Extract<SessionCommand, { readonly type: 'report-kernel' }>['report'];

export const report = (state: Report, kernel = mainKernel, node = 'node-a'): SessionCommand => ({
  type: 'report-kernel',
  kernel,
  node,
  wishRevision: 1000,
  report: state,
});

export const prepared: Report = { state: 'prepared' };
export const running: Report = { state: 'running', containerId: 'c', startedAtMs: 1 };
export const exited = (exitCode: number | null, wasOutOfMemory = false): Report => ({
  state: 'exited',
  exitCode,
  wasOutOfMemory,
  finishedAtMs: 2,
  reason: 'self-terminated',
});
export const terminate = (mode: 'graceful' | 'force' = 'graceful'): SessionCommand => ({
  type: 'terminate',
  mode,
  reason: 'user-requested',
});
