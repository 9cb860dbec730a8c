import { FileList, FilePath, type FileRequest, type Rejection } from '@orrery/bus';
import { z } from 'zod';
import type { Operation } from '../../auth/may.ts';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel } from '../../inside/main-kernel.ts';
import { noteUse, useOfFiles, visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const ofSession = { sessionId: z.string() };
const ListArguments = z.strictObject({ ...ofSession, path: FilePath });
const RemoveArguments = z.strictObject({ ...ofSession, path: FilePath, isRecursive: z.boolean() });
const RenameArguments = z.strictObject({ ...ofSession, from: FilePath, to: FilePath });

export async function sessionFiles(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ListArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, path } = parsed.value;
  const answer = await change(context, 'Query.sessionFiles', {
    sessionId,
    schema: FileList,
    request: (kernel) => ({ kind: 'file-list', kernel, path }),
  });
  if (!answer.ok) return refused(answer.error);
  const entries = answer.value.entries.map(
    ({ modifiedAtMs, accessedAtMs, changedAtMs, kind, ...entry }) => ({
      ...entry,
      kind: kind.toUpperCase(),
      modifiedAt: Math.floor(modifiedAtMs),
      accessedAt: Math.floor(accessedAtMs),
      changedAt: Math.floor(changedAtMs),
    }),
  );
  return { list: { ...answer.value, entries } };
}

export async function removeSessionFile(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(RemoveArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, path, isRecursive } = parsed.value;
  const answer = await change(context, 'Mutation.removeSessionFile', {
    sessionId,
    schema: z.object({}),
    request: (kernel) => ({ kind: 'file-remove', kernel, path, isRecursive }),
  });
  return answer.ok ? { path } : refused(answer.error);
}

export async function renameSessionFile(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(RenameArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, from, to } = parsed.value;
  const answer = await change(context, 'Mutation.renameSessionFile', {
    sessionId,
    schema: z.object({}),
    request: (kernel) => ({ kind: 'file-rename', kernel, from, to }),
  });
  return answer.ok ? { path: to } : refused(answer.error);
}

async function change<Answer>(
  context: GatewayContext,
  operation: Operation,
  asked: {
    readonly sessionId: string;
    readonly schema: z.ZodType<Answer>;
    readonly request: (kernel: string) => FileRequest;
  },
) {
  const found = await findMainKernel(context, operation, asked.sessionId);
  if (!found.ok) return found;
  const { kernel, node, session } = found.value;
  const request = asked.request(kernel);
  const use = useOfFiles(request);
  if (use !== undefined) await noteUse(context.gateway, visitorOf(context, session), use);
  return askKernel(context.gateway, { node, request }, asked.schema, context.signal);
}

function refused(rejection: Rejection): object {
  return { rejection };
}
