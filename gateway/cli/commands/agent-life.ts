import type { CommandContext, GlobalOptions } from '../context.ts';

export interface DrainOptions extends GlobalOptions {
  readonly deadline?: number;
  readonly requeue?: boolean;
}

/** Prints the id of each. */
export async function setSchedulable(
  { client: connect, output, signal }: CommandContext,
  ids: readonly string[],
  isSchedulable: boolean,
): Promise<undefined> {
  const { administration } = await connect();
  for (const id of new Set(ids)) {
    const agentId = await administration.setAgentSchedulable({ id, isSchedulable }, signal);
    await output.element({ agentId, isSchedulable }, () => agentId);
  }
}

export async function drainAgents(
  { client: connect, output, signal }: CommandContext,
  ids: readonly string[],
  { deadline: deadlineSeconds, requeue }: DrainOptions,
): Promise<undefined> {
  const { administration } = await connect();
  const mode = requeue === true ? 'RESCHEDULE' : 'TERMINATE';
  for (const id of new Set(ids)) {
    const agentId = await administration.drainAgent({ id, deadlineSeconds, mode }, signal);
    await output.element({ agentId, deadlineSeconds, mode }, () => agentId);
  }
}
