import { createLogger, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ImageRoom } from '../../../actors/agent/docker/image-room.ts';
import { PulledImages } from '../../../actors/agent/docker/pulled-images.ts';
import { DiskFull } from '../../../actors/agent/errors.ts';
import { within } from '../../contract/driver/driver-bench.ts';
import { dockerEngine, type TestEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';

const HOUR_MS = 3_600_000;
const MORE_THAN_ANY_DISK_BYTES = 1e18;

interface Stage {
  engine: TestEngine;
  docker: Docker;
}

const rooms = suite<Stage>('agent: room for images on a real engine');

rooms.before(async (context) => {
  context.engine = await dockerEngine();
  context.docker = new Docker({ socketPath: context.engine.socketPath });
});
rooms.after(async ({ engine }) => {
  await engine.stop();
});

rooms(
  'for an image that is wanted those that nobody uses go, and it is said what is missing then',
  async ({ docker }) => {
    const stage = await imagesOf(docker, ['used', 'unused', 'foreign']);
    const { room, pulled } = await roomOf(docker, { unusedMsMax: undefined, freePercentMin: 0 });
    for (const name of ['used', 'unused'])
      pulled.pulled(stage.nameOf(name), systemClock.nowMs() - HOUR_MS);
    const container = await docker.createContainer({ Image: stage.nameOf('used'), Cmd: ['true'] });
    await room.make(1, within());
    assert.equal(await stage.there(), ['foreign', 'unused', 'used'], 'there is room');
    try {
      await room.make(MORE_THAN_ANY_DISK_BYTES, within());
      assert.unreachable('no disk has so much room');
    } catch (cause) {
      assert.instance(cause, DiskFull);
      assert.match(
        String(cause),
        /needs about [\d.]+ GiB, and the disk of this node has [\d.]+ GiB/,
      );
    }
    assert.equal(await stage.there(), ['foreign', 'used']);
    assert.equal([...pulled.entries().keys()], [stage.nameOf('used')]);
    await container.remove();
    await stage.close();
  },
);

rooms('by age those go that nobody has used for long', async ({ docker }) => {
  const stage = await imagesOf(docker, ['old', 'young']);
  const { room, pulled } = await roomOf(docker, { unusedMsMax: 2 * HOUR_MS, freePercentMin: 0 });
  pulled.pulled(stage.nameOf('old'), systemClock.nowMs() - 3 * HOUR_MS);
  pulled.pulled(stage.nameOf('young'), systemClock.nowMs() - HOUR_MS);
  const stop = new AbortController();
  const kept = room.keep(stop.signal);
  while (pulled.entries().size > 1) await systemClock.sleep(10, within());
  stop.abort();
  await kept;
  assert.equal(await stage.there(), ['young']);
  await stage.close();
});

rooms.run();

async function roomOf(
  docker: Docker,
  policy: ConstructorParameters<typeof ImageRoom>[0]['policy'],
) {
  const pulled = new PulledImages(undefined);
  const { DockerRootDir: root } = await docker.info();
  const logger = createLogger({ name: 'test', level: 'silent' });
  return {
    pulled,
    room: new ImageRoom({ docker, clock: systemClock, logger, pulled, policy, root }),
  };
}

/** Images of their own, each with a layer that only it has. */
async function imagesOf(docker: Docker, names: readonly string[]) {
  const nameOf = (name: string): string => `orrery-test-room-${name}:1`;
  for (const name of names) {
    const container = await docker.createContainer({ Image: await testImage(), Cmd: ['true'] });
    const [repo, tag] = nameOf(name).split(':');
    await container.commit({ repo, tag, changes: `LABEL of=${name}` });
    await container.remove();
  }
  const there = async (): Promise<readonly string[]> => {
    const tags = (await docker.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []);
    return names.filter((name) => tags.includes(nameOf(name))).toSorted();
  };
  const close = async (): Promise<void> => {
    for (const name of await there()) await docker.getImage(nameOf(name)).remove({ force: true });
  };
  return { nameOf, there, close };
}
