import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import type { CodeLanguage, CodeResult, ConsoleItem } from '../../client/code.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { Interrupted, NothingFound, OutcomeUnwanted, UsageWrong } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

/** How soon what was printed is shown. Milliseconds. */
const FLUSH_MS = 200;

export interface CompleteOptions extends GlobalOptions {
  readonly language: string;
}

export interface CodeOptions extends CompleteOptions {
  readonly code?: string;
  readonly mode: string;
  readonly clean?: string;
  readonly build?: string;
  readonly exec?: string;
  readonly timeout?: number;
  readonly runId?: string;
}

/** Ends with the exit code of the run. JSON: the results of the calls, one a line. */
export async function runCode(
  context: CommandContext,
  request: {
    readonly reference: string;
    readonly file: string | undefined;
    readonly options: CodeOptions;
  },
): Promise<number> {
  const { output, signal } = context;
  const { options } = request;
  const code = options.mode === 'batch' ? '' : await codeOf(context, request);
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, request.reference, signal);
  const runId = options.runId ?? randomUUID();
  const leaving = interrupting(context, () => client.code.interrupt({ sessionId, runId }));
  const { clean, build, exec } = options;
  const run = client.code.run(
    {
      sessionId,
      runId,
      mode: options.mode === 'batch' ? 'BATCH' : 'QUERY',
      code,
      language: languageOf(options),
      ...(options.mode === 'batch' ? { options: { clean, build, exec } } : {}),
      timeoutSeconds: options.timeout,
      flushMs: FLUSH_MS,
      answer: () => answerFrom(context, leaving),
    },
    leaving,
  );
  let last: CodeResult | undefined;
  for await (const result of run) {
    last = result;
    if (output.isJson) await output.element(result, () => '');
    else for (const item of result.console) await print(context, item);
  }
  if (last?.status === 'exec-timeout')
    throw new OutcomeUnwanted('exec-timeout', 'the code took too long and was ended');
  return (last?.exitCode ?? 0) & 0xff;
}

export async function interruptCode(
  context: CommandContext,
  reference: string,
  runId: string | undefined,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  const isInterrupted = await client.code.interrupt({ sessionId, runId }, signal);
  if (!isInterrupted) throw new NothingFound('nothing-runs', 'nothing runs there');
  await output.result({ sessionId, isInterrupted }, () => ['Interrupted.']);
}

export async function completeCode(
  context: CommandContext,
  request: {
    readonly reference: string;
    readonly code: string;
    readonly options: CompleteOptions;
  },
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, request.reference, signal);
  const { code, options } = request;
  const asked = { sessionId, code, language: languageOf(options) };
  const completions = await client.code.complete(asked, signal);
  await output.result({ completions }, () => completions);
}

function languageOf({ language }: CompleteOptions): CodeLanguage {
  const words = ['PYTHON', 'NODE', 'SHELL', 'R', 'JULIA'] as const;
  return words.find((word) => word.toLowerCase() === language) ?? 'PYTHON';
}

async function codeOf(
  { io }: CommandContext,
  { file, options }: { readonly file: string | undefined; readonly options: CodeOptions },
): Promise<string> {
  if (options.code !== undefined && file === undefined) return options.code;
  if (options.code !== undefined || file === undefined)
    throw new UsageWrong('give the code with --code, or a file that holds it');
  if (file !== '-') {
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw new UsageWrong(`the file ${file} cannot be read`, { cause });
    }
  }
  let text = '';
  for await (const chunk of io.stdin) text += String(chunk);
  return text;
}

/** The first interrupt is for the code, the next one for this command. */
function interrupting(
  { claimInterrupts }: CommandContext,
  interrupt: () => Promise<boolean>,
): AbortSignal {
  const leaving = new AbortController();
  let isInterrupted = false;
  claimInterrupts(() => {
    if (isInterrupted) leaving.abort(new Interrupted('interrupted; the code may still run'));
    isInterrupted = true;
    interrupt().catch((error: unknown) => leaving.abort(error));
  });
  return leaving.signal;
}

async function answerFrom({ io }: CommandContext, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: io.stdin });
  try {
    return await lines.question('', { signal });
  } finally {
    lines.close();
  }
}

async function print({ output }: CommandContext, item: ConsoleItem): Promise<void> {
  switch (item[0]) {
    case 'stdout':
    case 'stderr':
      await output.bytes(item[1], item[0]);
      return;
    case 'html':
      await output.note(`[html, ${item[1].length} characters]`);
      return;
    case 'media':
      await output.note(`[${item[1][0]}, ${item[1][1].length} characters; --json shows it]`);
      return;
    case 'log':
      await output.note(`[${item[1][0]}] ${item[1][3]}`);
  }
}
