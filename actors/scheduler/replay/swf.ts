import { OrreryError } from '@orrery/bus';

/** Jobs of a trace in the Standard Workload Format; the archive's largest has a few millions. */
const LINES_MAX = 10_000_000;
const FIELDS = 18;

/** A trace that cannot be read; the message says in which line. */
export class TraceMalformed extends OrreryError {
  override readonly name = 'TraceMalformed';
  readonly code = 'scheduler.trace-malformed';
  readonly isRetryable = false;

  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
  }
}

/** One line; what is unknown (-1) is absent. Times in seconds, memory in KiB for each processor. */
export interface SwfJob {
  readonly number: number;
  readonly submitSeconds: number;
  readonly waitSeconds?: number;
  readonly runSeconds?: number;
  readonly processors?: number;
  readonly usedMemoryKib?: number;
  readonly requestedProcessors?: number;
  readonly requestedSeconds?: number;
  readonly requestedMemoryKib?: number;
  /** 0 failed, 1 completed, 5 cancelled. */
  readonly status?: number;
  readonly user?: number;
  readonly group?: number;
  readonly queue?: number;
  readonly partition?: number;
  readonly precedingJob?: number;
}

export interface SwfTrace {
  /** Header comments: `MaxNodes`, `MaxProcs`, `UnixStartTime`, … by name. */
  readonly header: Readonly<Record<string, string>>;
  readonly jobs: readonly SwfJob[];
}

/** @throws {TraceMalformed} */
export function parseSwf(text: string): SwfTrace {
  const header: Record<string, string> = {};
  const jobs: SwfJob[] = [];
  const seen = new Set<number>();
  let line = 0;
  for (const raw of text.split('\n')) {
    line += 1;
    if (line > LINES_MAX) throw new TraceMalformed(line, `a trace has at most ${LINES_MAX} lines`);
    const trimmed = raw.trim();
    if (trimmed === '') continue;
    if (trimmed.startsWith(';')) {
      const [, name, value] = /^;+\s*([A-Za-z][A-Za-z0-9]*):\s*(.*)$/.exec(trimmed) ?? [];
      if (name !== undefined) header[name] ??= value ?? '';
      continue;
    }
    const job = jobOf(trimmed, line);
    if (seen.has(job.number)) throw new TraceMalformed(line, `job ${job.number} is there twice`);
    seen.add(job.number);
    jobs.push(job);
  }
  return { header, jobs };
}

function jobOf(text: string, line: number): SwfJob {
  const fields = text.split(/\s+/);
  if (fields.length !== FIELDS) {
    throw new TraceMalformed(line, `${fields.length} fields instead of ${FIELDS}`);
  }
  const at = (field: number, what: string): number | undefined => {
    const written = fields[field - 1] ?? '';
    const value = /^-?\d+(\.\d+)?$/.test(written) ? Number(written) : Number.NaN;
    if (Number.isNaN(value)) {
      throw new TraceMalformed(line, `field ${field} (${what}) is no number: ${written}`);
    }
    if (value < 0 && value !== -1) {
      throw new TraceMalformed(line, `field ${field} (${what}) is below zero: ${written}`);
    }
    return value === -1 ? undefined : value;
  };
  const number = at(1, 'job number');
  const submitSeconds = at(2, 'submit time');
  if (number === undefined) throw new TraceMalformed(line, 'field 1 (job number) is unknown');
  if (submitSeconds === undefined)
    throw new TraceMalformed(line, 'field 2 (submit time) is unknown');
  at(6, 'average CPU time');
  at(14, 'executable');
  at(18, 'think time');
  return known({
    number,
    submitSeconds,
    waitSeconds: at(3, 'wait time'),
    runSeconds: at(4, 'run time'),
    processors: at(5, 'allocated processors'),
    usedMemoryKib: at(7, 'used memory'),
    requestedProcessors: at(8, 'requested processors'),
    requestedSeconds: at(9, 'requested time'),
    requestedMemoryKib: at(10, 'requested memory'),
    status: at(11, 'status'),
    user: at(12, 'user'),
    group: at(13, 'group'),
    queue: at(15, 'queue'),
    partition: at(16, 'partition'),
    precedingJob: at(17, 'preceding job'),
  });
}

type Read = { readonly [Name in keyof Required<SwfJob>]: SwfJob[Name] | undefined };

function known(fields: Read): SwfJob {
  const { number = 0, submitSeconds = 0, ...rest } = fields;
  const there = Object.entries(rest).filter(([, value]) => value !== undefined);
  return { number, submitSeconds, ...Object.fromEntries(there) };
}
