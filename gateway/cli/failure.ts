import { exitCodes } from './exit-codes.ts';

/** Names of failures and how the process ends by them; every other one is `failed`. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  UsageWrong: exitCodes.usage,
  InputInvalid: exitCodes.usage,
  NotFound: exitCodes.notFound,
  NothingFound: exitCodes.notFound,
  GatewayUnreachable: exitCodes.unreachable,
  ResponseUnexpected: exitCodes.unreachable,
  SignInRefused: exitCodes.unreachable,
  ProfileUnusable: exitCodes.unreachable,
  Interrupted: exitCodes.interrupted,
  OutputClosed: exitCodes.ok,
};

export function exitCodeOf(error: unknown): number {
  const name = error instanceof Error ? error.name : '';
  return EXIT_CODES[name] ?? exitCodes.failed;
}

/** One sentence: what is wrong, then the stable code and the input at fault. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return `orrery: ${String(error)}`;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'defect';
  const field = 'field' in error && typeof error.field === 'string' ? `, field ${error.field}` : '';
  const message = error.message
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  return `orrery: ${message} (${code}${field})`;
}

/** For ORRERY_DEBUG=1: where it came from, with its causes. */
export function tracesOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const trace = error.stack ?? error.message;
  return error.cause === undefined ? trace : `${trace}\ncaused by: ${tracesOf(error.cause)}`;
}
