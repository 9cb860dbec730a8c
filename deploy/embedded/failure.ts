/** Exit codes of `start` and `stop`; documented in deploy/README.md. */
export const exitCodes = {
  'deploy.internal': 1,
  'deploy.option-invalid': 2,
  'deploy.already-running': 3,
  'deploy.port-taken': 4,
  'deploy.directory-unusable': 5,
  'deploy.part-missing': 6,
  'deploy.part-failed': 7,
} as const;

export type FailureCode = keyof typeof exitCodes;

/** A failure that a person can act on: `message` is one whole sentence, `code` is stable. */
export class DeployFailure extends Error {
  override readonly name = 'DeployFailure';
  readonly code: FailureCode;
  readonly isRetryable = false;

  constructor(code: FailureCode, sentence: string, options?: { readonly cause: unknown }) {
    super(sentence, options);
    this.code = code;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}

/** The `code` of a system error such as `ENOSPC`; undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
