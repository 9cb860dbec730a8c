import { CODE_CHARACTERS_MAX, CompleteResult, type Rejection } from '@orrery/bus';
import { z } from 'zod';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { Language } from './execute-code.ts';

const Arguments = z.strictObject({
  sessionId: z.string(),
  code: z.string().max(CODE_CHARACTERS_MAX),
  language: Language,
});

export async function completeCode(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, code, language } = parsed.value;
  const found = await findMainKernel(context, 'Mutation.completeCode', sessionId);
  if (!found.ok) return refused(found.error);
  const { kernel, node } = found.value;
  const request = { kind: 'complete', kernel, code, language } as const;
  const { gateway, signal } = context;
  const answer = await askKernel(gateway, { node, request }, CompleteResult, signal);
  return answer.ok ? { completions: answer.value.suggestions } : refused(answer.error);
}

function refused(rejection: Rejection): object {
  return { rejection };
}
