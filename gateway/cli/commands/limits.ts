import { LIMIT_SCOPES, type OwnerLimits } from '../../client/administration-model.ts';
import type { Slots } from '../../client/model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { cardLines } from '../table.ts';
import { wordInstant, wordSlots } from '../wording.ts';

/** JSON: the limits, what is held and what is left. */
export async function showLimits(
  context: CommandContext,
  scope: string,
  key: string,
): Promise<undefined> {
  const { administration } = await context.client();
  const limits = await administration.limits({ scope: scopeOf(scope), key }, context.signal);
  await context.output.result(limits, () => lines(limits));
}

export interface LimitsOptions extends GlobalOptions {
  readonly slot?: Slots;
  readonly concurrent?: number;
  readonly concurrentSftp?: number;
  readonly pending?: number;
  readonly pendingSlot?: Slots;
  readonly onlySlots?: boolean;
  readonly containers?: number;
  readonly priority?: number;
  readonly lifetime?: number;
}

/** JSON: the limits as they are now. */
export async function setLimits(
  context: CommandContext,
  { scope, key }: { readonly scope: string; readonly key: string },
  options: LimitsOptions,
): Promise<undefined> {
  const input = {
    scope: scopeOf(scope),
    key,
    totalResourceSlots: options.slot,
    maxConcurrentSessions: options.concurrent,
    maxConcurrentSftpSessions: options.concurrentSftp,
    maxPendingSessionCount: options.pending,
    maxPendingSessionResourceSlots: options.pendingSlot,
    ...(options.onlySlots === true ? { defaultForUnspecified: 'LIMITED' as const } : {}),
    maxContainersPerSession: options.containers,
    maxPriority: options.priority,
    maxSessionLifetimeSeconds: options.lifetime,
  };
  const { administration } = await context.client();
  const limits = await administration.setLimits(input, context.signal);
  await context.output.result(limits, () => lines(limits));
}

/** @throws {UsageWrong} */
function scopeOf(word: string): OwnerLimits['scope'] {
  const scope = LIMIT_SCOPES.find((one) => one.toLowerCase() === word);
  if (scope !== undefined) return scope;
  throw new UsageWrong(
    `${JSON.stringify(word)} is no scope of limits: keypair, user, project or domain`,
  );
}

function lines(limits: OwnerLimits): readonly string[] {
  const { totalResourceSlots: total, maxPendingSessionResourceSlots: pendingSlots } = limits;
  const isCounted = limits.scope === 'KEYPAIR';
  return cardLines([
    ['Owner', `${limits.scope.toLowerCase()} ${limits.key}`],
    ['Total', wordTotal(limits)],
    ['Used', wordSlots(limits.usedSlots) || 'nothing'],
    ['Left', total === null ? null : wordSlots(limits.remainingSlots)],
    ['Sessions', wordCount(limits.sessions, limits.maxConcurrentSessions)],
    [
      'SFTP sessions',
      isCounted ? wordCount(limits.sftpSessions, limits.maxConcurrentSftpSessions) : null,
    ],
    ['Waiting', wordCount(limits.pendingSessions, limits.maxPendingSessionCount)],
    ['Waiting, slots', pendingSlots === null ? null : `at most ${wordSlots(pendingSlots)}`],
    ['Containers', wordMost(limits.maxContainersPerSession, 'a session')],
    ['Priority', wordMost(limits.maxPriority)],
    ['Lifetime', wordMost(limits.maxSessionLifetimeSeconds, 's')],
    ['Said by itself', limits.setByOwner.join(', ') || null],
    ['Set', limits.setAt === null ? 'never' : wordInstant(limits.setAt)],
  ]);
}

function wordTotal({ totalResourceSlots: total, defaultForUnspecified }: OwnerLimits): string {
  const named = total === null ? '' : wordSlots(total);
  if (defaultForUnspecified === 'UNLIMITED') return named || 'unlimited';
  return named === '' ? 'nothing' : `${named}, and nothing else`;
}

function wordMost(most: number | null, unit = ''): string | null {
  return most === null ? null : `at most ${most} ${unit}`.trimEnd();
}

function wordCount(count: number, most: number | null): string {
  return most === null || most === 0 ? String(count) : `${count} of ${most}`;
}
