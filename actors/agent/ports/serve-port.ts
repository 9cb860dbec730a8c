import type { Duplex as ByteStream } from 'node:stream';
import {
  type Duplex,
  type PortRequest,
  StreamBroken,
  type StreamInput,
  type StreamOutput,
} from '@orrery/bus';
import type { ContainerDriver } from '../container-driver.ts';
import type { KernelDesk } from '../kernel-desk.ts';
import { PortBroken } from './errors.ts';

type Stream = Duplex<StreamInput, StreamOutput>;
const FRAME_CONTENT_BYTES_MAX = 64 * 1024;

/** Carries bytes between a port of a kernel and who asked for it, no faster than they are taken. */
export async function servePort(
  { driver, desk }: { readonly driver: ContainerDriver; readonly desk: KernelDesk },
  { kernel, port }: PortRequest,
  stream: Stream,
): Promise<void> {
  await desk.settled(kernel);
  const connection = await driver.dial({ kernel, port }, stream.closed);
  // What was sent before its opener left arrives all the same, once nothing is to come back.
  const leave = (): void => void (connection.readableEnded || connection.destroy());
  stream.closed.addEventListener('abort', leave, { once: true });
  connection.on('error', () => undefined);
  try {
    await stream.send({ kind: 'connected' });
    await Promise.all([giveOut(connection, stream), takeIn(stream, connection)]);
  } catch (cause) {
    if (stream.closed.aborted) throw new StreamBroken('its opener left', { cause });
    throw new PortBroken(port, { cause });
  } finally {
    stream.closed.removeEventListener('abort', leave);
    connection.destroy();
  }
}

async function giveOut(connection: ByteStream, stream: Stream): Promise<void> {
  let offsetBytes = 0;
  // What the port has ended may still be written to.
  for await (const piece of connection.iterator({ destroyOnReturn: false })) {
    const bytes = Buffer.from(piece);
    for (let at = 0; at < bytes.length; at += FRAME_CONTENT_BYTES_MAX) {
      const data = bytes.subarray(at, at + FRAME_CONTENT_BYTES_MAX).toString('base64');
      await stream.send({ kind: 'output', source: 'stdout', data, offsetBytes: offsetBytes + at });
    }
    offsetBytes += bytes.length;
  }
  stream.end();
}

async function takeIn(stream: Stream, connection: ByteStream): Promise<void> {
  for await (const frame of stream.incoming)
    if (frame.kind === 'input') await write(connection, Buffer.from(frame.data, 'base64'));
  if (!connection.writableEnded) connection.end();
}

function write(connection: ByteStream, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.write(bytes, (cause) => (cause ? reject(cause) : resolve()));
  });
}
