import type { Clock } from '@orrery/bus';
import type Docker from 'dockerode';
import { EngineRefused } from '../errors.ts';
import { callEngine } from './engine.ts';

/** How long a member of a swarm may take until its containers can join the swarm's networks. */
const ATTACH_MS_MAX = 10_000;
const ATTACH_STEP_MS = 250;
/** The engine tells it in prose only. */
const NOT_ATTACHED = /attach(ing)? to network/i;

/**
 * Starts a container. One that joins an overlay is tried again for a while: a swarm needs some moments to know a
 * member that has just come.
 * @throws {EngineRefused} | {EngineUnavailable}
 */
export async function startContainer(
  container: Pick<Docker.Container, 'start'>,
  { clock, isInOverlay }: { readonly clock: Clock; readonly isInOverlay: boolean },
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = clock.nowMs() + (isInOverlay ? ATTACH_MS_MAX : 0);
  for (;;) {
    try {
      await callEngine('starting a container', signal, (limited) =>
        container.start({ abortSignal: limited }),
      );
      return;
    } catch (cause) {
      const mayPass = cause instanceof EngineRefused && NOT_ATTACHED.test(cause.why);
      if (!mayPass || clock.nowMs() >= deadlineMs) throw cause;
      await clock.sleep(ATTACH_STEP_MS, signal);
    }
  }
}
