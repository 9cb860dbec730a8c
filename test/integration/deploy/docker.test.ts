import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';

const engine = suite('environment: the Docker engine and its image');

engine('a container of the test image runs Python and reports its exit code', async () => {
  const { socketPath } = await dockerEngine();
  const docker = new Docker({ socketPath });
  const output = new PassThrough();
  let text = '';
  output.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  const script = 'python3 -c "print(6*7)"; sleep 0.01; exit 3';
  const [result] = await docker.run(await testImage(), ['sh', '-c', script], output, {
    HostConfig: { AutoRemove: true },
    Tty: true,
  });
  assert.is(result.StatusCode, 3);
  assert.is(text.trim(), '42');
});

engine.after(async () => {
  await (await dockerEngine()).stop();
});

engine.run();
