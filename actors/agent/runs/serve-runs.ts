import type { AppRequest, Duplex, StreamInput, StreamOutput, StreamRequest } from '@orrery/bus';
import { RunnerUnavailable } from '../errors.ts';
import type { KernelDesk } from '../kernel-desk.ts';
import type { KeeperClient } from './keeper-client.ts';

/** Characters of an answer in one frame, which escapes make up to six times as long. */
const PART_CHARACTERS_MAX = 64 * 1024;

export type RunRequest = Extract<
  StreamRequest,
  { readonly kind: 'execute' | 'interrupt' | 'complete' | AppRequest['kind'] }
>;

/** Hands a request to the keeper and its answer back, in as many frames as it takes. */
export async function serveRun(
  { keeper, desk }: { readonly keeper: KeeperClient | undefined; readonly desk: KernelDesk },
  request: RunRequest,
  stream: Duplex<StreamInput, StreamOutput>,
): Promise<void> {
  if (keeper === undefined) throw new RunnerUnavailable('simulated');
  await desk.settled(request.kernel);
  const text = JSON.stringify(await keeper.ask(request, stream.closed));
  for (let at = 0; at < text.length; at += PART_CHARACTERS_MAX)
    await stream.send({ kind: 'part', text: text.slice(at, at + PART_CHARACTERS_MAX) });
}
