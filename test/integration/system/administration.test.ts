import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SCHEDULER_ID, SchedulerEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery, type Spoken } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

const WITHIN_MS = 30_000;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const { client, bus, dataDirectory } = system;
const { accessKey } = JSON.parse(readFileSync(join(dataDirectory, 'profile.json'), 'utf8'));
const orrery = (...args: readonly string[]): Promise<Spoken> => runOrrery(dataDirectory, ...args);

async function done(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await orrery(...args);
  assert.is(code, 0, stderr);
  return stdout;
}

async function submit(cpu: string): Promise<string> {
  const input = { type: 'INTERACTIVE', cpu, memory: '64m' } as const;
  return (await client.createSession(input)).session.id;
}

/** The first event of the scheduler from `after` on that is wanted. */
async function scheduled<Event extends SchedulerEvent>(
  after: number,
  isWanted: (event: SchedulerEvent) => event is Event,
): Promise<Event> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const following = { afterSequence: after, aggregate: 'scheduler', aggregateId: SCHEDULER_ID };
  for await (const commits of bus.log.follow({ ...following, aggregate: 'scheduler', signal }))
    for (const commit of commits)
      for (const unparsed of commit.events) {
        const event = SchedulerEvent.parse(unparsed);
        if (isWanted(event)) return event;
      }
  throw new Error('the scheduler did not do it in time');
}

type Of<Type> = Extract<SchedulerEvent, { readonly type: Type }>;
const heldOf =
  (session: string) =>
  (event: SchedulerEvent): event is Of<'session-held'> =>
    event.type === 'session-held' && event.session === session;
const placedOf =
  (session: string) =>
  (event: SchedulerEvent): event is Of<'session-placed'> =>
    event.type === 'session-placed' && event.session === session;

async function nodeOf(session: string): Promise<string> {
  const { placements } = await scheduled(0, placedOf(session));
  return placements[0]?.node ?? 'none';
}

async function end(...sessions: readonly string[]): Promise<void> {
  for (const id of sessions) {
    await client.terminateSession({ id, mode: 'FORCE' });
    for await (const _ of client.sessionEvents({ id }));
  }
}

const administration = suite('administration: what is set takes effect at once');

administration('a limit holds a session back, and raised it lets it start', async () => {
  await done('admin', 'limits', 'set', 'keypair', accessKey, '--slot', 'cpu=1');
  const first = await submit('1');
  await nodeOf(first);
  const second = await submit('1');
  const { reason } = await scheduled(0, heldOf(second));
  assert.is(reason.code, 'keypair-resource-limit', reason.message);
  const limits = JSON.parse(await done('admin', 'limits', 'show', 'keypair', accessKey, '--json'));
  assert.equal(limits.remainingSlots, { cpu: '0' });
  await done('admin', 'preset', 'add', 'one', '--slot', 'cpu=1', '--slot', 'mem=64m');
  assert.match(await done('preset', 'check'), /^one .* no: keypair-resource-limit$/m);
  await done('admin', 'limits', 'set', 'keypair', accessKey, '--slot', 'cpu=2');
  await nodeOf(second);
  await done('admin', 'limits', 'clear', 'keypair', accessKey);
  assert.match(await done('preset', 'check'), /^one .* yes$/m);
  await end(first, second);
});

administration(
  'a gang starts as a whole, and waits as a whole while there is no room',
  async () => {
    const ask = ['session', 'create', '--multi-node', '--cpu', '1', '--mem', '64m', '--json'];
    const gang = JSON.parse(await done(...ask, '--cluster-size', '3', '--wait'));
    assert.is(gang.status, 'RUNNING');
    assert.equal([gang.clusterMode, gang.clusterSize], ['MULTI_NODE', 3]);
    assert.equal(
      gang.kernels.map(({ hostname, status }: { hostname: string; status: string }) => [
        ...[hostname, status],
      ]),
      [
        ['main1', 'RUNNING'],
        ['sub1', 'RUNNING'],
        ['sub2', 'RUNNING'],
      ],
    );
    const limit = ['admin', 'limits', 'set', 'keypair', accessKey, '--slot', 'cpu=4'];
    await done(...limit);
    const second = JSON.parse(await done(...ask, '--cluster-size', '2'));
    assert.is((await scheduled(0, heldOf(second.id))).reason.code, 'keypair-resource-limit');
    await end(gang.id);
    assert.is((await scheduled(0, placedOf(second.id))).placements.length, 2);
    await done('admin', 'limits', 'set', 'keypair', accessKey, '--containers', '2');
    const refused = await orrery(...ask, '--cluster-size', '3');
    assert.match(refused.stderr, /at most 2 kernel\(s\).*container-limit/);
    await end(second.id);
    await done('admin', 'limits', 'clear', 'keypair', accessKey);
  },
);

administration('a node that is drained lets its sessions go elsewhere', async () => {
  const session = await submit('1');
  const node = await nodeOf(session);
  const before = await bus.log.lastSequence();
  await done('agent', 'drain', node, '--deadline', '0', '--requeue');
  const { placements } = await scheduled(before, placedOf(session));
  assert.is.not(placements[0]?.node, node);
  await done('agent', 'uncordon', node);
  await end(session);
});

administration('another strategy changes where sessions go', async () => {
  await done('admin', 'group', 'set', 'default', '--strategy', 'dispersed');
  const apart = [await submit('1'), await submit('1')];
  const nodes = await Promise.all(apart.map(nodeOf));
  assert.is(new Set(nodes).size, 2);
  await end(...apart);
  await done('admin', 'group', 'set', 'default', '--strategy', 'concentrated');
  const together = [await submit('1'), await submit('1')];
  const [one, other] = await Promise.all(together.map(nodeOf));
  assert.is(one, other);
  await end(...together);
});

administration('another order changes who waiting comes first', async () => {
  await done('admin', 'limits', 'set', 'keypair', accessKey, '--concurrent', '1');
  const runs = await submit('1');
  await nodeOf(runs);
  const older = await submit('1');
  const newer = await submit('1');
  await scheduled(0, heldOf(older));
  await scheduled(0, heldOf(newer));
  await done('admin', 'group', 'set', 'default', '--scheduler', 'lifo');
  const before = await bus.log.lastSequence();
  await end(runs);
  const isPlaced = (event: SchedulerEvent): event is Of<'session-placed'> =>
    event.type === 'session-placed';
  assert.is((await scheduled(before, isPlaced)).session, newer);
  await end(newer, older);
  await done('admin', 'limits', 'clear', 'keypair', accessKey);
});

administration('all that wait are ended by one command, and what runs goes on', async () => {
  const runs = await submit('1');
  await nodeOf(runs);
  const waiting = [await submit('600'), await submit('600'), await submit('600')];
  const filter = { ownerId: '0190b0c8-0000-7000-8000-000000000777' };
  const none = await client.terminateSessions({ filter, mode: 'FORCE' });
  assert.equal([none.sessionIds, none.refused, none.hasMore], [[], [], false]);
  const told = JSON.parse(await done('session', 'rm-pending', '--json'));
  assert.equal(told, { ended: 3, refused: [] });
  for (const id of waiting) assert.is((await client.findSession(id))?.status, 'CANCELLED');
  assert.match((await client.findSession(runs))?.status ?? '', /^(SCHEDULED|PREPARING|RUNNING)$/);
  await end(runs);
});

administration('what makes no sense is refused in one sentence, with its field', async () => {
  const wrong: readonly (readonly [RegExp, readonly string[]])[] = [
    [/resource-group-default/, ['admin', 'group', 'remove', 'default']],
    [/resource-group-invalid.*name|name.*resource-group-invalid/, ['admin', 'group', 'set', 'ä']],
    [/slot-unknown/, ['admin', 'group', 'set', 'default', '--weight', 'tpu.device=1']],
    [/limits-invalid/, ['admin', 'limits', 'set', 'domain', 'default', '--slot', 'cpu=-1']],
    [/owner-unknown/, ['admin', 'limits', 'set', 'user', 'nobody', '--slot', 'cpu=1']],
    [/resources-invalid/, ['admin', 'preset', 'add', 'none', '--slot', 'cpu=1']],
  ];
  for (const [code, args] of wrong) {
    const spoken = await orrery(...args);
    assert.is(spoken.code, 1, args.join(' '));
    assert.match(spoken.stderr, code);
    assert.is(spoken.stderr.trim().split('\n').length, 1);
  }
});

administration('the tables of it all are those that a rebuild gives', async () => {
  await done('admin', 'group', 'set', 'gone', '--scheduler', 'drf');
  await done('admin', 'group', 'remove', 'gone');
  const report = await client.verifyProjections();
  assert.ok(report.isEqual, JSON.stringify(report.differences));
  const groups = JSON.parse(await done('admin', 'group', 'list', '--json'));
  assert.equal(
    groups.map((group: { readonly name: string }) => group.name),
    ['default'],
  );
});

administration.after(async () => {
  await system[Symbol.asyncDispose]();
});
administration.run();
