import type { ContainerDriver, ContainerExit } from '../../../actors/agent/container-driver.ts';
import type { LogChunk } from '../../../actors/agent/log-frames.ts';
import { within } from './driver-bench.ts';

/** The exit of one kernel, heard from the driver's stream of changes. */
export async function exitOf(driver: ContainerDriver, kernel: string): Promise<ContainerExit> {
  const stopper = new AbortController();
  const limited = AbortSignal.any([stopper.signal, within()]);
  try {
    for await (const change of driver.follow(limited)) {
      if (change.kind === 'resync') {
        const found = await driver.find(kernel, limited);
        if (found?.state.phase === 'exited') return found.state.exit;
      }
      if (change.kind === 'exited' && change.kernel === kernel) return change.exit;
    }
    throw new Error('the exit was not told in time');
  } finally {
    stopper.abort(new Error('heard'));
  }
}

export async function readAll(chunks: AsyncIterable<LogChunk>) {
  const read = { stdout: '', stderr: '', bytes: 0 };
  for await (const { source, bytes } of chunks) {
    read[source] += bytes.toString();
    read.bytes += bytes.length;
  }
  return read;
}
