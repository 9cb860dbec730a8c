import { Recordings, type Rejection, TerminalName } from '@orrery/bus';
import { z } from 'zod';
import { OWN_PASS_MS, SHARED_PASS_MS_MAX, type TerminalPass } from '../../auth/terminal-passes.ts';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel, findPlacedKernel } from '../../inside/main-kernel.ts';
import { noteUse, visitorOf } from '../../inside/note-use.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const modes = { READ_WRITE: 'read-write', READ_ONLY: 'read-only' } as const;

const OpenArguments = z.strictObject({
  input: z.strictObject({
    sessionId: z.string(),
    terminal: TerminalName,
    mode: z.enum(['READ_WRITE', 'READ_ONLY']),
    isRecorded: z.boolean(),
  }),
});
const ShareArguments = z.strictObject({
  input: z.strictObject({
    sessionId: z.string(),
    terminal: TerminalName,
    validSeconds: z
      .int()
      .min(1)
      .max(SHARED_PASS_MS_MAX / 1000),
  }),
});
const RecordingsArguments = z.strictObject({ sessionId: z.string() });

export async function openTerminal(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(OpenArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, terminal, mode, isRecorded } = parsed.value.input;
  const found = await findMainKernel(context, 'Mutation.openTerminal', sessionId);
  if (!found.ok) return refused(found.error);
  const { session, userId } = visitorOf(context, found.value.session);
  const pass = { session, userId, terminal, mode: modes[mode], isShared: false, isRecorded };
  return { ticket: ticketFor(context, pass, OWN_PASS_MS) };
}

export async function shareTerminal(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ShareArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, terminal, validSeconds } = parsed.value.input;
  const found = await findMainKernel(context, 'Mutation.shareTerminal', sessionId);
  if (!found.ok) return refused(found.error);
  const visitor = visitorOf(context, found.value.session);
  const { session, userId } = visitor;
  const looking = { mode: 'read-only', isShared: true, isRecorded: false } as const;
  const ticket = ticketFor(context, { session, userId, terminal, ...looking }, validSeconds * 1000);
  const use = { kind: 'terminal-shared', terminal, untilMs: ticket.expiresAt } as const;
  await noteUse(context.gateway, visitor, use);
  return { ticket };
}

export async function terminalRecordings(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(RecordingsArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId } = parsed.value;
  const found = await findPlacedKernel(context, 'Query.terminalRecordings', sessionId);
  if (!found.ok) return refused(found.error);
  if (found.value === undefined) return { recordings: [] };
  const { kernel, node } = found.value;
  const request = { kind: 'recording-list', kernel } as const;
  const { gateway, signal } = context;
  const answer = await askKernel(gateway, { node, request }, Recordings, signal);
  if (!answer.ok) return refused(answer.error);
  const recordings = answer.value.recordings.map(({ startedAtMs, ...recording }) => ({
    ...recording,
    startedAt: startedAtMs,
  }));
  return { recordings };
}

function ticketFor(
  { gateway }: GatewayContext,
  pass: TerminalPass,
  lifeMs: number,
): { readonly url: string; readonly expiresAt: number } {
  const { token, expiresAtMs } = gateway.tokens().terminals.issue(pass, lifeMs);
  return { url: `/terminal?token=${token}`, expiresAt: expiresAtMs };
}

function refused(rejection: Rejection): object {
  return { rejection };
}
