import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

/** By then a run that was asked for is over. */
const RUN_MS_MAX = 60_000;
const SESSIONS = 5;
const KILLS = 3;
const KEY = 'archived';

const system = await startSystem(['--driver', 'simulated']);
const { client, dataDirectory, bus } = system;
const segments = join(dataDirectory, 'archive');

const archiving = suite('archive: what is over leaves the stream of a running system');

async function create(idempotencyKey: string): Promise<string> {
  const request = { type: 'BATCH', command: ['true'], cpu: '0.1', memory: '64m' } as const;
  const { session } = await client.createSession({ ...request, idempotencyKey });
  for await (const event of client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') break;
  return session.id;
}

/** With no horizon, in processes that were killed and have read the settings again. */
async function restartWithoutHorizon(): Promise<void> {
  const path = join(dataDirectory, 'run', 'settings.toml');
  const text = readFileSync(path, 'utf8');
  assert.match(text, /^\[archive\]$/m);
  const changed = text.replace(
    /^\[archive\]$/m,
    '[archive]\nhorizonDays = 0\npurgeDelayMinutes = 0',
  );
  writeFileSync(path, changed);
  for (const name of ['control', 'gateway', 'projector'])
    process.kill(system.pids()[name] ?? 0, 'SIGKILL');
}

async function archived(run: number): Promise<void> {
  const deadline = AbortSignal.timeout(RUN_MS_MAX);
  for (;;) {
    const state = await client.archive({ last: 10 });
    if (state.run?.run === run && state.run.finishedAt !== null) return;
    assert.not(deadline.aborted, JSON.stringify(state));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function isInStream(id: string): Promise<boolean> {
  for await (const _commit of bus.log.read('session', id)) return true;
  return false;
}

const sessions: string[] = [];

archiving('sessions that are over leave it, and are read as before', async () => {
  for (let index = 0; index < SESSIONS; index += 1) sessions.push(await create(`${KEY}-${index}`));
  const id = sessions[0] ?? '';
  const before = await client.findSession(id);
  const replayed = await runOrrery(
    dataDirectory,
    'replay',
    '--aggregate',
    `session:${id}`,
    '--speed',
    'max',
  );
  await restartWithoutHorizon();
  // The client waits for the gateway, as the command line does not.
  await archived((await client.runArchive()).run);
  for (const session of sessions) assert.not(await isInStream(session), session);
  assert.is(readdirSync(segments).length, 2);
  assert.equal(await client.findSession(id), before);
  const again = await runOrrery(
    dataDirectory,
    'replay',
    '--aggregate',
    `session:${id}`,
    '--speed',
    'max',
  );
  assert.ok(again.stdout.length > 0);
  assert.is(again.stdout, replayed.stdout);
  const events: string[] = [];
  for await (const { type } of client.sessionEvents({ id })) events.push(type);
  assert.is(events[0], 'session-enqueued');
  assert.is(events.at(-1), 'session-terminated');
});

archiving('the whole log is replayed and verified across the archive', async () => {
  const { logSequence: last } = await client.status();
  const all = await runOrrery(dataDirectory, 'replay', '--to', String(last), '--speed', 'max');
  const sequences = all.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).sequence);
  assert.equal(
    sequences,
    Array.from({ length: last }, (_, index) => index + 1),
  );
  const whole = await runOrrery(dataDirectory, 'audit', 'verify');
  assert.is(whole.code, 0, whole.stdout);
  const archive = await runOrrery(dataDirectory, 'admin', 'archive', 'verify');
  assert.is(archive.code, 0, archive.stdout);
  const run = await runOrrery(dataDirectory, 'admin', 'archive', 'run', '--json');
  await archived(JSON.parse(run.stdout).run);
  const list = await runOrrery(dataDirectory, 'admin', 'archive', 'list', '--json');
  assert.is(JSON.parse(list.stdout).segments[0].isPurged, true);
});

archiving('the tables are built again from the archive and the stream', async () => {
  const report = await client.rebuildProjections();
  assert.ok(report.isEqual, JSON.stringify(report));
  const session = await client.findSession(sessions[0] ?? '');
  const terminatedAt = session?.terminatedAt ?? '';
  assert.is((await client.sessionAt(sessions[0] ?? '', terminatedAt))?.status, 'TERMINATED');
  const moment = await client.clusterAt(terminatedAt);
  assert.ok((moment.sessionsByStatus['TERMINATED'] ?? 0) >= 1);
});

archiving('a create with the key of an archived session gives that session', async () => {
  const { session, isCreated } = await client.createSession({
    type: 'BATCH',
    command: ['true'],
    cpu: '0.1',
    memory: '64m',
    idempotencyKey: `${KEY}-0`,
  });
  assert.is(session.id, sessions[0]);
  assert.is(isCreated, false);
  assert.not(await isInStream(session.id));
});

archiving(
  'a control process killed in the midst of runs loses nothing and doubles nothing',
  async () => {
    for (let turn = 0; turn < KILLS; turn += 1) {
      const id = await create(`killed-${turn}`);
      const { run } = await client.runArchive();
      process.kill(system.pids()['control'] ?? 0, 'SIGKILL');
      await archived(run);
      assert.not(await isInStream(id));
      const events: string[] = [];
      for await (const { type } of client.sessionEvents({ id })) events.push(type);
      assert.is(events.at(-1), 'session-terminated');
    }
    const whole = await runOrrery(dataDirectory, 'audit', 'verify');
    assert.is(whole.code, 0, whole.stdout);
    const report = await client.verifyProjections();
    assert.ok(report.isEqual, JSON.stringify(report));
  },
);

archiving('a segment that was changed is found and named', async () => {
  const [content = ''] = readdirSync(segments).filter((name) => name.endsWith('.zst'));
  const path = join(segments, content);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, -9));
  const broken = await runOrrery(dataDirectory, 'audit', 'verify', '--json');
  writeFileSync(path, bytes);
  assert.is(broken.code, 1);
  const { faults } = JSON.parse(broken.stdout);
  const named = faults.find(({ kind }: { readonly kind: string }) => kind === 'segment-altered');
  assert.is(`${named?.segment}.ndjson.zst`, content);
  const whole = await runOrrery(dataDirectory, 'audit', 'verify');
  assert.is(whole.code, 0, whole.stdout);
});

archiving.after(async () => {
  await system[Symbol.asyncDispose]();
});
archiving.run();
