import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pipeOrrery, runOrrery, type Spoken } from '../../environment/command-line.ts';
import { startRegistry } from '../../environment/docker-registry.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { pushImage } from '../../environment/pushed-image.ts';
import { openValve } from '../../environment/valve.ts';

const LOGIN = { username: 'puller', password: 'a-pässword-of-ours' };
const MEBIBYTE = 1024 * 1024;
const FAILED_WITHIN_MS = 2_000;
const WITHIN_MS = 60_000;

const { system } = await startDockerSystem();
const { client, dataDirectory } = system;
const closed = await startRegistry(LOGIN);
const orrery = (...args: readonly string[]): Promise<Spoken> => runOrrery(dataDirectory, ...args);

async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await orrery(...args);
  assert.is(code, 0, stderr);
  return stdout;
}

const images = suite('images: from a registry to a session');

images('a registry is made known, and its password is shown to nobody', async () => {
  const add = ['admin', 'registry', 'add', closed.host, '--url', closed.url, '--project', 'team'];
  const made = await pipeOrrery(
    dataDirectory,
    LOGIN.password,
    ...[...add, '--username', LOGIN.username, '--password-stdin', '--json'],
  );
  assert.is(made.code, 0, made.stderr);
  const { name, username, hasPassword } = JSON.parse(made.stdout);
  assert.equal([name, username, hasPassword], [closed.host, LOGIN.username, true]);
  const listed = await done('admin', 'registry', 'list');
  assert.match(listed, closed.host);
  const audit = await done('audit', 'show', '--json');
  assert.match(audit, 'registry-login-set');
  const logs = ['gateway', 'control', 'agent', 'projector'].map((process) =>
    readFileSync(join(dataDirectory, 'logs', `${process}.log`), 'utf8'),
  );
  const said = [made.stdout, made.stderr, listed, audit, ...logs].join('\n');
  assert.not.match(said, LOGIN.password);
  assert.match(audit, '"sealedPassword":"(hidden)"');
});

images('a rescan finds what it has with its labels, and says what cannot be used', async () => {
  const labels = { 'ai.backend.kernelspec': '1', 'ai.backend.resource.min.mem': '64m' };
  await pushImage(closed, { name: 'team/tool:1', labels });
  const wrong = { 'ai.backend.kernelspec': '7' };
  await pushImage(closed, { name: 'team/odd:1', labels: wrong, isRunnable: false });
  await pushImage(closed, { name: 'other/tool:1', isRunnable: false });
  const [rescan] = JSON.parse(await done('image', 'rescan', closed.host, '--json'));
  assert.equal(rescan.images, [`${closed.host}/team/tool:1`]);
  assert.equal(rescan.skipped.length, 1);
  assert.match(rescan.skipped[0].reason, 'kernelspec is 7');
  const listed = JSON.parse(await done('image', 'ls', '--json'));
  const found = listed.find(
    ({ reference }: { readonly reference: string }) => reference === `${closed.host}/team/tool:1`,
  );
  assert.equal(found.labels, labels);
  assert.is(found.registry, closed.host);
  assert.equal(found.agentIds, []);
});

images('a session runs by an alias, in an image that no agent had', async () => {
  await done('image', 'alias', 'tool', `${closed.host}/team/tool:1`);
  const low = await orrery('run', '--image', 'tool', '--mem', '32m', '--', 'true');
  assert.is.not(low.code, 0);
  assert.match(low.stderr, 'mem', 'the labels of the registry count before anybody has the image');
  const ran = await orrery('run', '--image', 'tool', '--mem', '128m', '--', 'sh', '-c', 'echo 42');
  assert.is(ran.stdout, '42\n', ran.stderr);
  const { edges } = await client.sessions({ first: 1 });
  assert.is(edges[0]?.node.image, `${closed.host}/team/tool:1`);
});

images('a session says how far its image is while that is pulled', async () => {
  await pushImage(closed, { name: 'team/large:1', layerBytes: [8 * MEBIBYTE] });
  await using valve = await openValve(
    { host: '127.0.0.1', port: Number(new URL(closed.url).port) },
    { port: 0 },
  );
  const host = `127.0.0.1:${valve.port}`;
  const add = ['admin', 'registry', 'add', host, '--url', `http://${host}`, '--username', 'puller'];
  const made = await pipeOrrery(dataDirectory, LOGIN.password, ...add, '--password-stdin');
  assert.is(made.code, 0, made.stderr);
  await done('image', 'add', `${host}/team/large:1`);
  valve.shutAfter(4 * MEBIBYTE);
  const input = { image: `${host}/team/large:1`, command: ['true'], type: 'BATCH' } as const;
  const { session } = await client.createSession(input);
  const seen = async () => (await client.findSession(session.id))?.kernels[0];
  const deadlineMs = systemClock.nowMs() + WITHIN_MS;
  while (((await seen())?.pullProgress?.bytesDone ?? 0) === 0) {
    if (systemClock.nowMs() > deadlineMs) throw new Error('no progress was seen');
    await systemClock.sleep(50);
  }
  assert.is((await seen())?.status, 'PULLING');
  assert.match(await done('session', 'get', session.id), /Pulled +\d+\/\d+ layers, .+\/.+/);
  valve.open();
  for await (const _ of client.sessionEvents({ id: session.id }));
  const ended = await client.findSession(session.id);
  assert.equal([ended?.status, ended?.result], ['TERMINATED', 'SUCCESS']);
  assert.is(ended?.kernels[0]?.pullProgress, null);
});

images('a wrong image fails within two seconds, in the words of the registry', async () => {
  await done('image', 'add', `${closed.host}/team/never:7`);
  const startedMs = systemClock.nowMs();
  const input = { image: `${closed.host}/team/never:7`, command: ['true'], type: 'BATCH' } as const;
  const { session } = await client.createSession(input);
  for await (const _ of client.sessionEvents({ id: session.id }));
  const tookMs = systemClock.nowMs() - startedMs;
  const failed = await client.findSession(session.id);
  assert.is(failed?.status, 'ERROR');
  assert.match(
    `${failed?.statusInfo} ${failed?.statusMessage}`,
    /image-not-found.*manifest unknown/,
  );
  assert.ok(tookMs <= FAILED_WITHIN_MS, `${tookMs} ms`);
});

images('an image is forgotten, an alias taken away, and a wrong word named', async () => {
  await done('image', 'dealias', 'tool');
  assert.match((await orrery('run', '--image', 'tool', '--', 'true')).stderr, 'image-unknown');
  await done('image', 'forget', `${closed.host}/team/tool:1`);
  for (const [wrong, ...args] of [
    ['image-unknown', 'image', 'forget', `${closed.host}/team/tool:1`],
    ['alias-unknown', 'image', 'dealias', 'tool'],
    ['image-unknown', 'image', 'alias', 'tool', 'nothing'],
    ['registry-unknown', 'image', 'rescan', 'nobody.example.test'],
    ['registry-invalid', 'admin', 'registry', 'add', 'a b', '--url', 'http://a'],
    ['registry-invalid', 'admin', 'registry', 'add', 'a', '--url', 'ftp://a'],
    ['registry-unknown', 'admin', 'registry', 'remove', 'nobody.example.test'],
  ]) {
    const { code, stderr } = await orrery(...args);
    assert.is.not(code, 0);
    assert.match(stderr, String(wrong));
  }
});

images('a rescan without the right login is refused in the words of the registry', async () => {
  const set = ['admin', 'registry', 'set', closed.host, '--password-stdin'];
  const changed = await pipeOrrery(dataDirectory, 'wrong', ...set);
  assert.is(changed.code, 0, changed.stderr);
  const { stderr } = await orrery('image', 'rescan', closed.host);
  assert.match(stderr, 'authentication required');
  await done('admin', 'registry', 'remove', closed.host);
});

images.after(async () => {
  await system[Symbol.asyncDispose]();
  await closed.stop();
});
images.run();
