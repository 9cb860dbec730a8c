import { ExecuteRequest, InterruptResult, type Rejection } from '@orrery/bus';
import { z } from 'zod';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({
  sessionId: z.string(),
  runId: ExecuteRequest.shape.runId.optional(),
});

export async function interruptCode(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, runId } = parsed.value;
  const found = await findMainKernel(context, 'Mutation.interruptCode', sessionId);
  if (!found.ok) return refused(found.error);
  const { kernel, node } = found.value;
  const request = { kind: 'interrupt', kernel, runId } as const;
  const { gateway, signal } = context;
  const answer = await askKernel(gateway, { node, request }, InterruptResult, signal);
  return answer.ok ? answer.value : refused(answer.error);
}

function refused(rejection: Rejection): object {
  return { rejection };
}
