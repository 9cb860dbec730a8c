import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createLogger, systemClock, type TerminalRequest } from '@orrery/bus';
import { ProcessDriver } from '../../../actors/agent/process/process-driver.ts';
import { KernelTerminals } from '../../../actors/agent/terminals/kernel-terminals.ts';
import type { Terminal } from '../../../actors/agent/terminals/terminal.ts';
import { makeScratch } from '../../environment/scratch.ts';

/** What somebody who looks at a terminal has seen, and how it ended for them. */
export interface Onlooker {
  /** All that was shown, places of `attached` frames left out. */
  text(): string;
  /** Places at which it was shown from, and of which shell. */
  attached(): readonly { readonly life: string; readonly offsetBytes: number }[];
  endBytes(): number;
  exitCode(): number | null | undefined;
  /** Resolves when the text has it. @throws after a while. */
  sees(pattern: RegExp): Promise<void>;
  /** Resolves when there is no more to see. */
  readonly done: Promise<void>;
  leave(): void;
}

const SEEN_MS_MAX = 20_000;

export function look(
  terminal: Terminal,
  from: { readonly life: string | undefined; readonly afterBytes: number } = {
    life: undefined,
    afterBytes: 0,
  },
): Onlooker {
  const left = new AbortController();
  const attached: { readonly life: string; readonly offsetBytes: number }[] = [];
  let text = '';
  let endBytes = 0;
  let exitCode: number | null | undefined;
  let changed = Promise.withResolvers<void>();
  const run = async (): Promise<void> => {
    for await (const frame of terminal.watch(from, left.signal)) {
      if (frame.kind === 'attached') attached.push(frame);
      if (frame.kind === 'exit') exitCode = frame.exitCode;
      if (frame.kind === 'output') {
        const bytes = Buffer.from(frame.data, 'base64');
        text += bytes.toString('latin1');
        endBytes = frame.offsetBytes + bytes.length;
      }
      changed.resolve();
      changed = Promise.withResolvers();
    }
  };
  return {
    text: () => text,
    attached: () => attached,
    endBytes: () => endBytes,
    exitCode: () => exitCode,
    async sees(pattern) {
      const signal = AbortSignal.timeout(SEEN_MS_MAX);
      const late = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () =>
          reject(new Error(`${pattern} was not seen in ${JSON.stringify(text.slice(-2_000))}`)),
        );
      });
      late.catch(() => undefined);
      while (!pattern.test(text)) await Promise.race([changed.promise, late]);
    },
    done: run(),
    leave: () => left.abort(),
  };
}

export interface TerminalBench extends AsyncDisposable {
  readonly terminals: KernelTerminals;
  readonly kernel: string;
  readonly recordings: string;
  request(changes?: Partial<TerminalRequest>): TerminalRequest;
}

/** A real kernel of the process driver, and its terminals. */
export async function openTerminals(): Promise<TerminalBench> {
  const scratch = makeScratch('terminals');
  const logger = createLogger({ name: 'test', level: 'error' });
  const driver = new ProcessDriver({
    directory: scratch.path,
    clock: systemClock,
    logger,
    environ: { PATH: process.env['PATH'] ?? '' },
  });
  const kernel = randomUUID();
  const ended = new AbortController();
  const spec = {
    kernel,
    session: randomUUID(),
    sessionName: 'terminals',
    sessionType: 'interactive',
    image: 'host',
    command: null,
    environ: { PS1: '$ ' },
    slots: {},
    hostname: 'main1',
    role: 'main',
    ownerUserId: randomUUID(),
    ownerProjectId: randomUUID(),
  } as const;
  await driver.prepare(spec);
  await driver.start(spec, { wishRevision: 1 }, ended.signal);
  const recordings = join(scratch.path, 'recordings');
  const { signal } = ended;
  return {
    terminals: new KernelTerminals({
      driver,
      clock: systemClock,
      logger,
      kernel,
      recordings,
      signal,
    }),
    kernel,
    recordings,
    request: (changes = {}) => ({
      kind: 'terminal',
      kernel,
      terminal: 'main',
      mode: 'read-write',
      isRecorded: false,
      ...changes,
    }),
    async [Symbol.asyncDispose]() {
      await driver.remove(kernel, AbortSignal.timeout(SEEN_MS_MAX));
      ended.abort();
      await driver[Symbol.asyncDispose]();
      scratch.remove();
    },
  };
}
