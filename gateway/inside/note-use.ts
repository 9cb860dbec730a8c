import { createHash } from 'node:crypto';
import {
  type ExecuteRequest,
  type FileRequest,
  type SessionCommand,
  type SessionUse,
  type StreamRequest,
  USE_PATHS_MAX,
  USE_TEXT_CHARACTERS_MAX,
} from '@orrery/bus';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import type { GatewayContext } from '../graphql/context.ts';

/** Somebody who does something inside a session. */
export interface Visitor {
  readonly session: string;
  readonly userId: string;
  readonly traceparent: string | undefined;
}

export function visitorOf(
  { caller, traceparent }: Pick<GatewayContext, 'caller' | 'traceparent'>,
  session: string,
): Visitor {
  if (caller.kind !== 'user') throw new Error('nobody known was let into a session');
  return { session, userId: caller.userId, traceparent };
}

/**
 * Writes down what is about to be done inside a session: resolves when that is in its log, and only then it may be
 * done. Written twice at worst, where an answer was lost, and then under the same run.
 * @throws {RequestFailed} `SESSION_NOT_RUNNING` | `UNAVAILABLE`; then it is not to be done.
 */
export async function noteUse(
  { commands, clock }: Pick<Gateway, 'commands' | 'clock'>,
  { session, userId, traceparent }: Visitor,
  use: SessionUse,
): Promise<void> {
  const command: SessionCommand = { type: 'note-use', use, usedAtMs: clock.nowMs() };
  const { outcome } = await commands.request({
    aggregate: 'session',
    aggregateId: session,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (outcome.ok) return;
  const { code, message } = outcome.error;
  throw new RequestFailed('SESSION_NOT_RUNNING', message, { details: { code } });
}

/** Undefined: going on with a run that was written down, and what is answered to it, which may be a password. */
export function useOfRun({
  mode,
  runId,
  language,
  code,
  steps = {},
}: ExecuteRequest): SessionUse | undefined {
  switch (mode) {
    case 'query':
      return {
        kind: 'code',
        runId,
        language,
        text: beginning(code),
        characters: code.length,
        digest: digestOf(code),
      };
    case 'batch': {
      const begun = Object.entries(steps).map(([name, step]) => [name, step && beginning(step)]);
      const digest = digestOf(JSON.stringify(steps));
      return { kind: 'batch', runId, language, steps: Object.fromEntries(begun), digest };
    }
    default:
      return undefined;
  }
}

export function useOfProgram({
  command,
  hasTerminal,
}: Extract<StreamRequest, { readonly kind: 'exec' }>): SessionUse {
  return {
    kind: 'program',
    text: beginning(command.join(' ')),
    words: command.length,
    hasTerminal,
    digest: digestOf(JSON.stringify(command)),
  };
}

/** Undefined: a look at what is there. */
export function useOfFiles(request: FileRequest): SessionUse | undefined {
  switch (request.kind) {
    case 'file-list':
      return undefined;
    case 'file-read':
      return { kind: 'files-read', paths: [request.path], pathsTotal: 1, isArchive: false };
    case 'file-read-tar': {
      const { paths } = request;
      const first = paths.slice(0, USE_PATHS_MAX);
      return { kind: 'files-read', paths: first, pathsTotal: paths.length, isArchive: true };
    }
    case 'file-write':
    case 'file-write-tar': {
      const isArchive = request.kind === 'file-write-tar';
      return { kind: 'files-written', path: request.path, isArchive };
    }
    case 'file-remove':
      return { kind: 'file-removed', path: request.path, isRecursive: request.isRecursive };
    case 'file-rename':
      return { kind: 'file-renamed', from: request.from, to: request.to };
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Never half of a surrogate pair, which no store takes. */
function beginning(text: string): string {
  return text.slice(0, USE_TEXT_CHARACTERS_MAX).toWellFormed();
}
