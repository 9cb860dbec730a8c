import { randomUUID } from 'node:crypto';
import {
  BatchSteps,
  CODE_CHARACTERS_MAX,
  ExecuteRequest,
  ExecuteResult,
  FLUSH_MS_MAX,
  type Rejection,
  RunLanguage,
} from '@orrery/bus';
import { z } from 'zod';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { noteUse, useOfRun, visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const TIMEOUT_SECONDS_MAX = 7 * 24 * 3_600;

export const Language = z
  .enum(['PYTHON', 'NODE', 'SHELL', 'R', 'JULIA'])
  .transform((word) => RunLanguage.parse(word.toLowerCase()));

const modes = {
  QUERY: 'query',
  BATCH: 'batch',
  CONTINUE: 'continue',
  INPUT: 'input',
} as const;

const Arguments = z.strictObject({
  input: z
    .strictObject({
      sessionId: z.string(),
      mode: z.enum(['QUERY', 'BATCH', 'CONTINUE', 'INPUT']),
      runId: ExecuteRequest.shape.runId.optional(),
      code: z
        .string()
        .max(CODE_CHARACTERS_MAX)
        .regex(/^[^\0]*$/, 'no NUL'),
      language: Language,
      options: z.unknown().optional(),
      after: z.int().min(0).optional(),
      flushMs: z.int().min(0).max(FLUSH_MS_MAX),
      timeoutSeconds: z.int().min(1).max(TIMEOUT_SECONDS_MAX).optional(),
    })
    .refine(({ mode, runId }) => mode === 'QUERY' || mode === 'BATCH' || runId !== undefined, {
      path: ['runId'],
      message: 'it names the run to go on with',
    })
    .refine(({ mode, options }) => mode !== 'BATCH' || BatchSteps.safeParse(options).success, {
      path: ['options'],
      message: 'those of a batch are clean, build and exec, each a text or nothing',
    }),
});

export async function executeCode(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, mode, runId, code, language, options, ...rest } = parsed.value.input;
  const found = await findMainKernel(context, 'Mutation.executeCode', sessionId);
  if (!found.ok) return refused(found.error);
  const { kernel, node, session } = found.value;
  const { after, flushMs, timeoutSeconds } = rest;
  const request: ExecuteRequest = {
    kind: 'execute',
    kernel,
    mode: modes[mode],
    runId: runId ?? randomUUID(),
    code,
    language,
    flushMs,
    ...(mode === 'BATCH' ? { steps: BatchSteps.parse(options) } : {}),
    ...(after === undefined ? {} : { after }),
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1_000 }),
  };
  const { gateway, signal } = context;
  const use = useOfRun(request);
  if (use !== undefined) await noteUse(gateway, visitorOf(context, session), use);
  const answer = await askKernel(gateway, { node, request }, ExecuteResult, signal);
  return answer.ok ? { result: answer.value } : refused(answer.error);
}

function refused(rejection: Rejection): object {
  return { rejection };
}
