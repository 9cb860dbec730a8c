import { randomUUID } from 'node:crypto';
import {
  createLogger,
  type ExecuteRequest,
  type ExecuteResult,
  type RunLanguage,
  systemClock,
} from '@orrery/bus';
import { ProcessDriver } from '../../../actors/agent/process/process-driver.ts';
import { KernelRuns } from '../../../actors/agent/runs/kernel-runs.ts';
import { makeScratch } from '../../environment/scratch.ts';

export interface RunsBench extends AsyncDisposable {
  readonly runs: KernelRuns;
  /** Of the kernel's working directory. */
  readonly work: string;
  /** Another keeper of the same kernel, as after the first was killed. */
  reopened(): KernelRuns;
  call(request: Partial<ExecuteRequest>): Promise<ExecuteResult>;
  /** Calls until the run has ended; the answers as one. */
  finish(request: Partial<ExecuteRequest>): Promise<ExecuteResult>;
  endKernel(): Promise<void>;
}

const CALL_MS = 5_000;

/** A real kernel of the process driver, and what runs in it. */
export async function openRuns(language: RunLanguage): Promise<RunsBench> {
  const scratch = makeScratch('runs');
  const driver = new ProcessDriver({
    directory: scratch.path,
    clock: systemClock,
    logger: createLogger({ name: 'test', level: 'error' }),
    environ: { PATH: process.env['PATH'] ?? '' },
  });
  const kernel = randomUUID();
  const ended = new AbortController();
  const { signal } = ended;
  const spec = {
    kernel,
    session: randomUUID(),
    sessionName: 'runs',
    sessionType: 'interactive',
    image: 'host',
    command: null,
    environ: {},
    slots: {},
    hostname: 'main1',
    role: 'main',
    ownerUserId: randomUUID(),
    ownerProjectId: randomUUID(),
  } as const;
  await driver.prepare(spec);
  await driver.start(spec, { wishRevision: 1 }, signal);
  const places = driver.places(kernel);
  const open = (): KernelRuns =>
    new KernelRuns({ driver, clock: systemClock, kernel, places, signal });
  const runs = open();
  const call = (request: Partial<ExecuteRequest>): Promise<ExecuteResult> =>
    runs.execute(
      {
        kind: 'execute',
        kernel,
        runId: 'run',
        mode: 'query',
        language,
        code: '',
        flushMs: CALL_MS,
        ...request,
      },
      systemClock.sleep(request.flushMs ?? CALL_MS, signal).catch(() => undefined),
    );
  return {
    runs,
    work: places.work,
    reopened: open,
    call,
    async finish(request) {
      let result = await call(request);
      const console = [...result.console];
      while (result.status !== 'finished' && result.status !== 'exec-timeout') {
        result = await call({ ...request, mode: 'continue', code: '', after: result.next });
        console.push(...result.console);
      }
      return { ...result, console };
    },
    async endKernel() {
      await driver.stop({ kernel, graceMs: 0 }, AbortSignal.timeout(10_000));
    },
    async [Symbol.asyncDispose]() {
      await driver.remove(kernel, AbortSignal.timeout(10_000));
      ended.abort(new Error('the test is over'));
      scratch.remove();
    },
  };
}

/** What a run printed on one stream. */
export function printed({ console }: ExecuteResult, stream: 'stdout' | 'stderr'): string {
  return console.flatMap(([kind, content]) => (kind === stream ? [content] : [])).join('');
}
