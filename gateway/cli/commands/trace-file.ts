import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { UsageWrong } from '../errors.ts';

/** What the gateway takes in one request, with room for what else is in it. */
const TRACE_CHARACTERS_MAX = 900 * 1024;
const TEXT_BYTES_MAX = 256 * 1024 * 1024;
/** Fields of the Standard Workload Format that a replay looks at: the others are sent as unknown. */
const FIELDS_USED = new Set([1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13]);
const FIELDS = 18;

/** The trace of a file, plain or gzipped, as it is sent: without comments, and unknown what nobody looks at. @throws {UsageWrong} */
export function readTraceFile(path: string): string {
  const trace = gzipSync(withoutUnused(readText(path)), { level: 9 }).toString('base64');
  if (trace.length <= TRACE_CHARACTERS_MAX) return trace;
  const share = Math.floor((100 * TRACE_CHARACTERS_MAX) / trace.length);
  throw new UsageWrong(
    `the trace ${path} is too long to be sent in one piece; take about ${share} % of its lines`,
  );
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    const isGzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return (isGzipped ? gunzipSync(bytes, { maxOutputLength: TEXT_BYTES_MAX }) : bytes).toString();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageWrong(`the trace ${path} cannot be read: ${message}`, { cause });
  }
}

/** Lines keep their numbers, so that a message names the right one; what is malformed is left as it is. */
function withoutUnused(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      if (line.trimStart().startsWith(';')) return '';
      const fields = line.trim().split(/\s+/);
      if (fields.length !== FIELDS) return line.trim();
      return fields
        .map((field, index) => (FIELDS_USED.has(index + 1) || !isNumber(field) ? field : '-1'))
        .join(' ');
    })
    .join('\n');
}

function isNumber(field: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(field);
}
