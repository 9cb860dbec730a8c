import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PulledImage, planRemoval } from '../../../../actors/agent/docker/image-removal.ts';
import { PullTally } from '../../../../actors/agent/docker/pull-notices.ts';

const HOUR_MS = 3_600_000;
const nowMs = 1_000 * HOUR_MS;

const image = (reference: string, unusedHours: number, sizeBytes = 10): PulledImage => ({
  reference,
  id: `id of ${reference}`,
  sizeBytes,
  usedAtMs: nowMs - unusedHours * HOUR_MS,
});

const around = {
  nowMs,
  inUse: new Set<string>(),
  policy: { unusedMsMax: 100 * HOUR_MS, freePercentMin: 10 },
  disk: { freeBytes: 50, totalBytes: 100 },
  wantedBytes: 0,
};

const removal = suite('agent: which images are removed');

removal('those that nobody used for long, and no others while there is room', () => {
  const images = [image('old', 101), image('young', 99)];
  assert.equal(planRemoval(images, around), ['old']);
  const policy = { ...around.policy, unusedMsMax: undefined };
  assert.equal(planRemoval(images, { ...around, policy }), []);
});

removal('the longest unused first, until the disk is as free as it should be', () => {
  const images = [image('third', 1), image('first', 3), image('second', 2)];
  const disk = { freeBytes: 0, totalBytes: 150 };
  assert.equal(planRemoval(images, { ...around, disk }), ['first', 'second']);
});

removal('as many as an image that is wanted needs', () => {
  const images = [image('first', 3), image('second', 2), image('third', 1)];
  assert.equal(planRemoval(images, { ...around, wantedBytes: 55 }), ['first']);
  assert.equal(planRemoval(images, { ...around, wantedBytes: 75 }), ['first', 'second', 'third']);
});

removal('none that a container has, and none that was used a moment ago', () => {
  const images = [image('used', 200), image('fresh', 0)];
  const inUse = new Set(['id of used']);
  assert.equal(planRemoval(images, { ...around, inUse, wantedBytes: 1_000 }), []);
});

removal('only for their age where the disk cannot be seen', () => {
  const images = [image('old', 101), image('young', 99)];
  assert.equal(planRemoval(images, { ...around, disk: undefined, wantedBytes: 1_000 }), ['old']);
});

removal.run();

const tally = suite('agent: how far a pull is');

tally('layers are counted, and their bytes as they are loaded, not as they are unpacked', () => {
  const progress = new PullTally(300);
  const say = (id: string, status: string, current?: number) =>
    progress.take({ id, status, progressDetail: { current } });
  assert.is(say('1', 'Pulling from team/python'), undefined);
  say('a', 'Already exists');
  say('b', 'Downloading', 100);
  say('b', 'Download complete');
  say('b', 'Extracting', 7);
  assert.equal(progress.progress(), {
    layersDone: 1,
    layersTotal: 2,
    bytesDone: 100,
    bytesTotal: 300,
  });
  say('b', 'Pull complete');
  assert.is(progress.progress().layersDone, 2);
});

tally.run();
