import {
  type ImageCommand,
  type ImageEvent,
  imageId,
  newId,
  type Outcome,
  systemClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect, until } from '../../contract/bus/harness.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { startControlHosts } from './control-hosts.ts';
import { makeNextVersion } from './next-version.ts';

const IMAGES = 24;
const ANSWER_MS_MAX = 60_000;
const ABSENT_MS = 3_000;

const scratch = makeScratch('next-version');
makeNextVersion(scratch.path);
const cluster = await startControlHosts();
const { bus } = cluster;
const upgrade = suite('rolling upgrade: processes of two versions');

upgrade('a newer host beside an older one: each command is done once, in order', async () => {
  await cluster.start('old');
  await until(async () => (await cluster.owners()).every((owner) => owner === 'old'));
  const before = await allAnswered('before', 'register');
  assert.ok(before.every(({ ok }) => ok));
  await cluster.start('next', scratch.path);
  await until(async () => (await cluster.owners()).includes('next'));
  const together = await allAnswered('together', 'register');
  assert.ok(together.every(({ ok }) => ok));
  const painted = (await eventsOf('together')).filter((types) => types.includes('image-painted'));
  assert.ok(painted.length > 0, 'the newer host has written events that the older does not know');
});

upgrade('what only a newer host can read waits for one, and nothing else does', async () => {
  await cluster.end('next', 'SIGKILL');
  await until(async () => (await cluster.owners()).every((owner) => owner === 'old'));
  const later = sendAll('together', 'forget');
  let answered = 0;
  for (const each of later) void each.then(() => (answered += 1));
  assert.ok((await allAnswered('before', 'forget')).every(({ ok }) => ok));
  assert.ok((await allAnswered('meanwhile', 'register')).every(({ ok }) => ok));
  await systemClock.sleep(ABSENT_MS);
  assert.ok(answered < IMAGES, 'what holds an event that nobody here knows has to wait');
  await cluster.start('next', scratch.path);
  assert.ok((await Promise.all(later)).every(({ ok }) => ok));
});

upgrade('the older host goes, and the log is whole', async () => {
  await cluster.end('old', 'SIGTERM');
  assert.ok((await allAnswered('meanwhile', 'forget')).every(({ ok }) => ok));
  for (const group of ['before', 'together', 'meanwhile'])
    for (const reference of references(group)) {
      const commits = await collect(bus.log.read('image', imageId(reference)));
      assert.is(commits.length, 2, reference);
      assert.equal(
        commits.map(({ previousHash }) => previousHash),
        ['', commits[0]?.hash],
      );
    }
  assert.is(await bus.setAside.count(), 0);
});

function references(group: string): readonly string[] {
  return Array.from({ length: IMAGES }, (_, index) => `hub/${group}-${index}:1`);
}

function sendAll(group: string, type: 'register' | 'forget'): readonly Promise<Outcome>[] {
  return references(group).map((reference) => {
    const atMs = systemClock.nowMs();
    const command: ImageCommand = type === 'register' ? { type, reference } : { type };
    return bus.inbox.request(
      {
        id: newId(atMs),
        aggregate: 'image',
        aggregateId: imageId(reference),
        actor: { kind: 'user', id: 'test' },
        sentAtMs: atMs,
        command,
      },
      AbortSignal.timeout(ANSWER_MS_MAX),
    );
  });
}

function allAnswered(group: string, type: 'register' | 'forget'): Promise<readonly Outcome[]> {
  return Promise.all(sendAll(group, type));
}

/** Types of the events of each image. */
async function eventsOf(group: string): Promise<readonly (readonly string[])[]> {
  const histories = references(group).map((reference) =>
    collect(bus.log.read('image', imageId(reference))),
  );
  return (await Promise.all(histories)).map((commits) =>
    commits.flatMap(({ events }) => (events as readonly ImageEvent[]).map(({ type }) => type)),
  );
}

upgrade.after(async () => {
  await cluster[Symbol.asyncDispose]();
  scratch.remove();
});
upgrade.run();
