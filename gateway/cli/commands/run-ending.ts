import type { Session } from '../../client/model.ts';
import { exitCodes, KILLED_EXIT_CODE } from '../exit-codes.ts';
import { wasOutOfMemory, wordOutOfMemory, wordReason } from './session-view.ts';

export interface Ending {
  readonly exitCode: number;
  /** What is to be told; absent when the program ended by itself. */
  readonly sentence?: string;
}

/** Reasons for which a program's exit code says enough. */
const ORDINARY_REASONS: ReadonlySet<string> = new Set([
  'task-finished',
  'task-failed',
  'self-terminated',
]);

/** How `run` ends, from the session when it is over. */
export function endingOf(
  session: Session,
  { wasInterrupted }: { readonly wasInterrupted: boolean },
): Ending {
  const { name, status, exitCode, statusInfo } = session;
  const reason = wordReason(session) ?? 'no reason is known';
  if (wasInterrupted) {
    return { exitCode: exitCodes.interrupted, sentence: `session ${name} was interrupted` };
  }
  if (wasOutOfMemory(session)) {
    const sentence = `session ${name} ran ${wordOutOfMemory(session)} (out-of-memory)`;
    return { exitCode: exitCode ?? KILLED_EXIT_CODE, sentence };
  }
  if (status === 'CANCELLED') {
    return { exitCode: exitCodes.notRun, sentence: `session ${name} was cancelled: ${reason}` };
  }
  if (status === 'ERROR') {
    return { exitCode: exitCodes.notRun, sentence: `session ${name} failed: ${reason}` };
  }
  if (exitCode !== null && (statusInfo === null || ORDINARY_REASONS.has(statusInfo))) {
    return { exitCode };
  }
  return { exitCode: exitCode ?? exitCodes.notRun, sentence: `session ${name} ended: ${reason}` };
}
