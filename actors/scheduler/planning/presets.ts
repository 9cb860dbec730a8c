import { usageKeys } from './future.ts';
import type { PendingView, Situation } from './model.ts';
import { plan } from './plan.ts';
import { minus, type Vector, zero } from './vector.ts';

/** A ready-made request. */
export interface Preset {
  readonly name: string;
  readonly request: Vector;
  /** Absent: for every group. */
  readonly group?: string;
}

export interface PresetCheck {
  readonly name: string;
  /** Whether a session of one such kernel would start now, before all that wait. */
  readonly isAllocatable: boolean;
  /** The reason when it is not. */
  readonly code?: string;
}

/** What is left of a limit; a place that is Infinity is unlimited, and none is below zero. */
export interface Remaining {
  readonly keypair: Vector;
  readonly user: Vector;
  readonly project: Vector;
  readonly domain: Vector;
}

/** Reference: check-presets. `session` says who asks and in which group; its kernels do not matter. */
export function checkPresets(
  situation: Situation,
  session: PendingView,
  presets: readonly Preset[],
): readonly PresetCheck[] {
  return presets
    .filter(({ group }) => group === undefined || group === session.group)
    .map(({ name, request }) => {
      const one = { ...session, kernels: [{ kernel: name, request }] };
      const { placed, held, ended } = plan({ ...situation, pending: [one] });
      const code = held[0]?.code ?? ended[0]?.reason;
      return {
        name,
        isAllocatable: placed.length > 0,
        ...(code === undefined ? {} : { code }),
      };
    });
}

export function remainingOf(situation: Situation, { owner }: PendingView): Remaining {
  const { limits, usage, slots } = situation;
  const [keypair = '', user = '', project = '', domain = ''] = usageKeys(owner);
  const left = (key: string, limit: Vector | undefined): Vector =>
    minus(
      limit ?? slots.map(() => Number.POSITIVE_INFINITY),
      usage.get(key)?.slots ?? zero(slots.length),
    ).map((amount) => Math.max(0, amount));
  return {
    keypair: left(keypair, limits.keypairs.get(owner.accessKey)?.total),
    user: left(user, limits.users.get(owner.userId)),
    project: left(project, limits.projects.get(owner.projectId)),
    domain: left(domain, limits.domains.get(owner.domain)),
  };
}
