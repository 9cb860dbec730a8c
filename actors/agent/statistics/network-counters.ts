import { readText } from './read-text.ts';

/** Bytes since the interfaces came up, all but the loopback together. */
export interface NetworkCounters {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

const HEADER_LINES = 2;
/** Columns after the name in `/proc/<pid>/net/dev`. */
const RECEIVED = 0;
const SENT = 8;

/** Of the network that the process is in; `self`: the agent's. Undefined when there is no such process. */
export function readNetwork(pid: number | 'self'): NetworkCounters | undefined {
  const text = readText(`/proc/${pid}/net/dev`);
  return text === '' ? undefined : parseNetwork(text);
}

export function parseNetwork(text: string): NetworkCounters {
  let [receivedBytes, sentBytes] = [0, 0];
  for (const line of text.split('\n').slice(HEADER_LINES)) {
    const [name = '', numbers = ''] = line.split(':');
    if (name.trim() === 'lo') continue;
    const columns = numbers.trim().split(/\s+/);
    receivedBytes += Number(columns[RECEIVED] ?? 0);
    sentBytes += Number(columns[SENT] ?? 0);
  }
  return { receivedBytes, sentBytes };
}
