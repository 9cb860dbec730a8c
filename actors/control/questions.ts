import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gunzip } from 'node:zlib';
import {
  type Clock,
  type Duplex,
  type LiveChannel,
  type Logger,
  OrreryError,
  SchedulingAnswer,
  SchedulingQuestion,
  type Settings,
  serveDuplex,
  subjects,
  TraceChunk,
} from '@orrery/bus';

/** Questions that are answered at once; each takes a thread and up to `MEMORY_MIB_MAX`. */
const QUESTIONS_MAX = 2;
const MEMORY_MIB_MAX = 1024;
const ANSWER_MS_MAX = 10 * 60_000;
/** Characters of a trace on its way, and bytes of its text. */
const TRACE_CHARACTERS_MAX = 4 * 1024 * 1024;
const TRACE_BYTES_MAX = 256 * 1024 * 1024;

/** A question of the scheduler that cannot be answered now, or takes too much. */
export class QuestionRefused extends OrreryError {
  override readonly name = 'QuestionRefused';
  readonly code: 'scheduler.busy' | 'scheduler.question-too-large' | 'scheduler.question-failed';
  readonly isRetryable: boolean;

  constructor(
    code: QuestionRefused['code'],
    message: string,
    options?: { readonly cause: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.isRetryable = code === 'scheduler.busy';
  }
}

/** A question with all that belongs to it. */
export interface AskedQuestion {
  readonly question: SchedulingQuestion;
  readonly trace: string | undefined;
}

export type Answerer = (asked: AskedQuestion, signal: AbortSignal) => Promise<SchedulingAnswer>;

interface Serving {
  readonly live: LiveChannel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly answer: Answerer;
}

/** Answers what is asked of the scheduler's past and present, beside the actors, until the signal fires. */
export async function serveQuestions(
  { live, clock, logger, answer }: Serving,
  signal: AbortSignal,
): Promise<void> {
  let underWay = 0;
  const handle = async (
    question: SchedulingQuestion,
    stream: Duplex<TraceChunk, SchedulingAnswer>,
  ): Promise<void> => {
    if (underWay >= QUESTIONS_MAX)
      throw new QuestionRefused('scheduler.busy', `${QUESTIONS_MAX} questions are being answered`);
    underWay += 1;
    try {
      const trace = question.type === 'workload' ? await readTrace(stream) : undefined;
      await stream.send(await answer({ question, trace }, stream.closed));
    } finally {
      underWay -= 1;
    }
  };
  await serveDuplex<SchedulingQuestion, TraceChunk, SchedulingAnswer>(
    live,
    subjects.scheduling,
    handle,
    { clock, logger, first: SchedulingQuestion, incoming: TraceChunk, signal },
  );
}

async function readTrace(stream: Duplex<TraceChunk, SchedulingAnswer>): Promise<string> {
  const chunks: string[] = [];
  let characters = 0;
  for await (const { chunk } of stream.incoming) {
    characters += chunk.length;
    if (characters > TRACE_CHARACTERS_MAX) throw tooLarge(TRACE_CHARACTERS_MAX);
    chunks.push(chunk);
  }
  try {
    const text = await promisify(gunzip)(Buffer.from(chunks.join(''), 'base64'), {
      maxOutputLength: TRACE_BYTES_MAX,
    });
    return text.toString('utf8');
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLarge(TRACE_BYTES_MAX);
    throw new QuestionRefused('scheduler.question-failed', 'the trace is not gzipped', { cause });
  }
}

function tooLarge(most: number): QuestionRefused {
  return new QuestionRefused('scheduler.question-too-large', `a trace has at most ${most} bytes`);
}

/** What a thread is given: it makes its own way to the log. */
export interface QuestionWork extends AskedQuestion {
  readonly bus: Settings['bus'];
  readonly archive: Settings['archive'];
  readonly level: Settings['logging']['level'];
}

/** Answers in a thread of its own, so that nothing that waits for the actors is late for it. */
export function answerInThread(settings: Pick<Settings, 'bus' | 'archive' | 'logging'>): Answerer {
  return async ({ question, trace }, signal) => {
    const { bus, archive, logging } = settings;
    const work: QuestionWork = { question, trace, bus, archive, level: logging.level };
    const worker = new Worker(new URL('./question-worker.ts', import.meta.url), {
      workerData: work,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB_MAX },
    });
    const late = AbortSignal.timeout(ANSWER_MS_MAX);
    const over = AbortSignal.any([signal, late]);
    const end = (): unknown => worker.terminate();
    over.addEventListener('abort', end, { once: true });
    try {
      return SchedulingAnswer.parse(await answerOf(worker));
    } catch (cause) {
      const message = late.aborted
        ? `it took longer than ${ANSWER_MS_MAX / 60_000} minutes; ask for less`
        : `its thread ended: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new QuestionRefused('scheduler.question-failed', message, { cause });
    } finally {
      over.removeEventListener('abort', end);
      await worker.terminate();
    }
  };
}

function answerOf(worker: Worker): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', (code) => reject(new Error(`it exited with ${code}`)));
  return promise;
}
