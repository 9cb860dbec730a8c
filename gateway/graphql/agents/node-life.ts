import { type NodeCommand, NodeName, type Rejection } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';

/** A month: whoever gives more does not mean a deadline. */
const DEADLINE_SECONDS_MAX = 31 * 24 * 60 * 60;

const SchedulableArguments = z.strictObject({
  input: z.strictObject({ id: z.string(), isSchedulable: z.boolean() }),
});
const DrainArguments = z.strictObject({
  input: z.strictObject({
    id: z.string(),
    deadlineSeconds: z.number().optional(),
    mode: z.enum(['TERMINATE', 'RESCHEDULE']),
  }),
});

/** Cordons an agent, or takes it into use again. */
export async function setAgentSchedulable(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(SchedulableArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.setAgentSchedulable');
  const { id, isSchedulable } = parsed.value.input;
  return tellNode(context, { id, userId, command: { type: 'set-schedulable', isSchedulable } });
}

export async function drainAgent(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(DrainArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.drainAgent');
  const { id, deadlineSeconds, mode } = parsed.value.input;
  const seconds = deadlineSeconds ?? 0;
  if (!(seconds >= 0 && seconds <= DEADLINE_SECONDS_MAX)) return { rejection: DEADLINE_INVALID };
  const command: NodeCommand = {
    type: 'drain',
    deadlineMs: deadlineSeconds === undefined ? null : Math.round(seconds * 1000),
    mode: mode === 'TERMINATE' ? 'terminate' : 'reschedule',
  };
  return tellNode(context, { id, userId, command });
}

interface Telling {
  readonly id: string;
  readonly userId: string;
  readonly command: NodeCommand;
}

async function tellNode(
  { gateway, traceparent, signal }: GatewayContext,
  { id, userId, command }: Telling,
): Promise<object> {
  if (!NodeName.safeParse(id).success) return { rejection: AGENT_UNKNOWN };
  const { outcome } = await gateway.commands.request({
    aggregate: 'node',
    aggregateId: id,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return { rejection: outcome.error };
  await waitUntilReadable(gateway, outcome, signal);
  return { agentId: id };
}

const AGENT_UNKNOWN: Rejection = {
  code: 'node-unknown',
  message: 'no agent has registered under this name',
  field: 'id',
};

const DEADLINE_INVALID: Rejection = {
  code: 'deadline-invalid',
  message: `a deadline is from 0 to ${DEADLINE_SECONDS_MAX} seconds`,
  field: 'deadlineSeconds',
};
