import { createHash, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';
import { type DriverBench, kernelSpec, start, within } from './driver-bench.ts';

const MEBIBYTE = 1024 * 1024;

/** On loopback only, at a port of its own choice that it prints; it gives back what it gets once that has ended. */
const SERVER = `
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print("port", listener.getsockname()[1], flush=True)
while True:
    there, _ = listener.accept()
    parts = []
    while True:
        part = there.recv(1 << 20)
        if not part:
            break
        parts.append(part)
    there.sendall(b"".join(parts))
    there.close()
`;

export async function listen(driver: ContainerDriver, image: string) {
  const spec = kernelSpec(image, { command: ['python3', '-c', SERVER] });
  await start(driver, spec);
  const { kernel } = spec;
  const followed = { kernel, mode: 'followed', offsetBytes: 0 } as const;
  let printed = '';
  for await (const { bytes } of driver.logs(followed, within())) {
    printed += bytes.toString();
    if (printed.includes('\n')) break;
  }
  return { kernel, port: Number(printed.split(' ')[1]) };
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Everything is sent and ended before anything comes back: the other direction must still be open. */
export async function sendAndReceive(stream: Duplex, sent: Buffer): Promise<void> {
  const received = buffer(stream.iterator({ destroyOnReturn: false }));
  stream.end(sent);
  const back = await received;
  assert.is(back.length, sent.length);
  assert.is(digest(back), digest(sent));
  stream.destroy();
}

export function portTests(
  test: ReturnType<typeof suite<{ bench: DriverBench; driver: ContainerDriver }>>,
): void {
  test('what listens on the loopback of a kernel is reached, and each side ends by itself', async ({
    bench,
    driver,
  }) => {
    const target = await listen(driver, bench.image);
    for (const sent of [randomBytes(8 * MEBIBYTE), Buffer.from('second'), Buffer.alloc(0)])
      await sendAndReceive(await driver.dial(target, within()), sent);
    await driver.remove(target.kernel, within());
  });

  test('a port at which nothing listens, and a kernel that is not there, are told apart', async ({
    bench,
    driver,
  }) => {
    const { kernel, port } = await listen(driver, bench.image);
    const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
      attempt.then(
        () => 'none',
        (failure) => failure.code,
      );
    assert.is(await codeOf(driver.dial({ kernel, port: 1 }, within())), 'port-refused');
    await driver.remove(kernel, within());
    assert.is(await codeOf(driver.dial({ kernel, port }, within())), 'kernel-not-found');
  });
}
