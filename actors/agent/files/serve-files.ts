import type { Duplex, FileRequest, OpenFilesRequest, StreamInput, StreamOutput } from '@orrery/bus';
import type { ContainerDriver } from '../container-driver.ts';
import { KernelNotFound, KernelNotRunning, RunnerUnavailable } from '../errors.ts';
import type { KernelDesk } from '../kernel-desk.ts';
import { listFiles, removeFile, renameFile } from './changes.ts';
import { FileRefused } from './errors.ts';
import type { JailRoot } from './jail.ts';
import { serveOpenFiles } from './serve-open-files.ts';
import { readFileBytes, readTar, writeFileBytes, writeTar } from './transfer.ts';

type Stream = Duplex<StreamInput, StreamOutput>;
const PART_CHARACTERS_MAX = 64 * 1024;

/** Does to a kernel's files what is asked; content streams through, no faster than it is taken. */
export async function serveFiles(
  { driver, desk }: { readonly driver: ContainerDriver; readonly desk: KernelDesk },
  request: FileRequest | OpenFilesRequest,
  stream: Stream,
): Promise<void> {
  const { kernel } = request;
  await desk.settled(kernel);
  const found = await driver.find(kernel, stream.closed);
  if (found === undefined) throw new KernelNotFound(kernel);
  if (found.state.phase !== 'running') throw new KernelNotRunning(kernel);
  const places = driver.places(kernel);
  if (places === undefined) throw new RunnerUnavailable(driver.name);
  const jail = { root: places.work, home: places.home };
  if (request.kind === 'open-files') await serveOpenFiles(jail, stream);
  else await carryOut(jail, request, stream);
}

async function carryOut(jail: JailRoot, request: FileRequest, stream: Stream): Promise<void> {
  switch (request.kind) {
    case 'file-list':
      return answer(stream, await listFiles(jail, request.path));
    case 'file-remove':
      await removeFile(jail, request.path, request);
      return answer(stream, {});
    case 'file-rename':
      await renameFile(jail, request);
      return answer(stream, {});
    case 'file-read':
      return give(stream, readFileBytes(jail, request.path));
    case 'file-read-tar':
      return give(stream, readTar(jail, request.paths));
    case 'file-write':
      return answer(stream, await writeFileBytes(jail, request.path, taken(stream)));
    case 'file-write-tar':
      return answer(stream, await writeTar(jail, request.path, taken(stream)));
  }
}

async function answer(stream: Stream, value: object): Promise<void> {
  const text = JSON.stringify(value);
  for (let at = 0; at < text.length; at += PART_CHARACTERS_MAX)
    await stream.send({ kind: 'part', text: text.slice(at, at + PART_CHARACTERS_MAX) });
}

async function give(stream: Stream, bytes: AsyncIterable<Buffer>): Promise<void> {
  let offsetBytes = 0;
  for await (const piece of bytes) {
    const data = piece.toString('base64');
    await stream.send({ kind: 'output', source: 'stdout', data, offsetBytes });
    offsetBytes += piece.length;
  }
}

/** Half of a file is none: a sender that leaves without saying that it has ended breaks the upload. */
async function* taken(stream: Stream): AsyncGenerator<Buffer, void> {
  for await (const frame of stream.incoming) {
    if (frame.kind === 'input') yield Buffer.from(frame.data, 'base64');
    if (frame.kind === 'end-of-input') return;
  }
  throw new FileRefused('archive-invalid', 'the upload was broken off');
}
