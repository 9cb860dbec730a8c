import { randomUUID } from 'node:crypto';
import type { GraphqlCaller } from './graphql.ts';
import { accepted, given } from './payload.ts';

export type CodeMode = 'QUERY' | 'BATCH' | 'CONTINUE' | 'INPUT';
export type CodeLanguage = 'PYTHON' | 'NODE' | 'SHELL' | 'R' | 'JULIA';

/** `['stdout', text]`, `['media', [mime, content]]`, `['log', [level, time, logger, message]]`, … */
export type ConsoleItem =
  | readonly ['stdout' | 'stderr' | 'html', string]
  | readonly ['media', readonly [string, string]]
  | readonly ['log', readonly [string, string, string, string]];

export interface CodeResult {
  readonly runId: string;
  readonly status:
    | 'continued'
    | 'waiting-input'
    | 'clean-finished'
    | 'build-finished'
    | 'finished'
    | 'exec-timeout';
  readonly exitCode: number | null;
  readonly options: { readonly is_password?: boolean } | null;
  readonly console: readonly ConsoleItem[];
  readonly next: number;
}

export interface CodeCall {
  readonly sessionId: string;
  readonly mode: CodeMode;
  /** Chosen here when absent, so that a call whose answer was lost finds its run again. */
  readonly runId?: string | undefined;
  readonly code?: string | undefined;
  readonly language?: CodeLanguage | undefined;
  readonly options?: Readonly<Record<string, string | null | undefined>> | undefined;
  readonly after?: number | undefined;
  readonly flushMs?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export interface CodeRun extends Pick<CodeCall, 'sessionId' | 'code' | 'language' | 'options'> {
  readonly mode: 'QUERY' | 'BATCH';
  readonly runId?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  /** The longest time that output waits to be given together. */
  readonly flushMs?: number | undefined;
  /** Answers what the program asks for. */
  readonly answer: (isPassword: boolean) => Promise<string>;
}

/** Code that runs in a session's main kernel. */
export class Code {
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.#graphql = graphql;
  }

  /** One call as it is; sent again when its answer is lost, and yet it runs once. */
  async execute(call: CodeCall, signal?: AbortSignal): Promise<CodeResult> {
    const isBegun = call.mode === 'QUERY' || call.mode === 'BATCH';
    const input = isBegun
      ? { ...call, runId: call.runId ?? randomUUID(), after: call.after ?? 0 }
      : call;
    const variables = { input };
    const payload = await this.#graphql.call({ operation: 'executeCode', variables, signal });
    return given(accepted<{ result: CodeResult | null }>(payload).result);
  }

  /** A whole run, each piece of its output once and in order, over as many gateways and agents as it takes. */
  async *run(run: CodeRun, signal?: AbortSignal): AsyncGenerator<CodeResult, void> {
    const { answer, ...first } = run;
    const runId = run.runId ?? randomUUID();
    let result = await this.execute({ ...first, runId }, signal);
    for (;;) {
      yield result;
      const { status, options, next: after } = result;
      if (status === 'finished' || status === 'exec-timeout') return;
      const { sessionId, flushMs } = run;
      const next = { sessionId, flushMs, runId, after };
      if (status === 'waiting-input') {
        const code = await answer(options?.is_password === true);
        result = await this.execute({ ...next, mode: 'INPUT', code }, signal);
      } else {
        result = await this.execute({ ...next, mode: 'CONTINUE' }, signal);
      }
    }
  }

  /** Of the run that is named, or of whichever runs. Whether there was one. */
  async interrupt(
    request: { readonly sessionId: string; readonly runId?: string | undefined },
    signal?: AbortSignal,
  ): Promise<boolean> {
    const call = { operation: 'interruptCode', variables: request, signal } as const;
    const payload = accepted<{ isInterrupted: boolean | null }>(await this.#graphql.call(call));
    return given(payload.isInterrupted);
  }

  /** What may stand at the end of the code. */
  async complete(
    request: {
      readonly sessionId: string;
      readonly code: string;
      readonly language?: CodeLanguage | undefined;
    },
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const call = { operation: 'completeCode', variables: request, signal } as const;
    const payload = accepted<{ completions: readonly string[] | null }>(
      await this.#graphql.call(call),
    );
    return given(payload.completions);
  }
}
