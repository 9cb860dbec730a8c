import { SCHEDULER_ID, type SchedulerEvent, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../simulation/random.ts';
import { type ControlHosts, startControlHosts } from './control-hosts.ts';
import { GangLoad } from './gang-load.ts';

const SEED = 20_261_121;
const GANGS = 1_000;
const NODES = 40;
/** Kills in the middle of one pass: each comes when so large a part, at random, is placed. */
const KILLS = 3;
/** Between the commit that is seen and the kill: before, amid and after what follows from it. */
const KILL_AFTER_MS_MAX = 30;
const PATIENCE_MS = 200_000;
const OWNER_LOOK_MS = 50;

const gangs = suite('control hosts: killed in the middle of a pass over a thousand gangs');

gangs(
  'one of two hosts, the other goes on: nothing is given twice, none is half placed',
  async () => {
    await using cluster = await startControlHosts();
    await cluster.start('first');
    await cluster.start('second');
    await killedAmidPass(cluster, 'two');
  },
);

gangs(
  'the only host, which starts again: nothing is given twice, none is half placed',
  async () => {
    await using cluster = await startControlHosts();
    await cluster.start('only');
    await killedAmidPass(cluster, 'one');
  },
);

async function killedAmidPass(cluster: ControlHosts, group: string): Promise<void> {
  const { bus } = cluster;
  const random = new Random(SEED + group.length);
  const load = new GangLoad(bus, { group, gangs: GANGS, nodes: NODES, random });
  await load.furnish();
  await load.enqueue();
  assert.equal(await load.placings(), [], 'they all wait');
  const shares = Array.from({ length: KILLS }, () => random.between(1, GANGS - 1));
  const killing = killAt(cluster, load, {
    marks: shares.sort((left, right) => left - right),
    random,
  });
  await load.open();
  const placedAtKills = await killing;
  process.stdout.write(`${JSON.stringify({ group, placedAtKills })}\n`);
  assert.ok(
    placedAtKills.some((placed) => placed > 0 && placed < GANGS),
    `a kill fell into the pass: ${placedAtKills}`,
  );
  await allTold(load);
  await assertWhole(load);
}

/** Kills whoever decides, and starts it again, whenever as many are placed as a mark says. */
async function killAt(
  cluster: ControlHosts,
  load: GangLoad,
  { marks, random }: { readonly marks: readonly number[]; readonly random: Random },
): Promise<readonly number[]> {
  const { bus } = cluster;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const left = [...marks];
  const placedAtKills: number[] = [];
  const placed = new Set<string>();
  const afterSequence = await bus.log.lastSequence();
  for await (const commits of bus.log.follow({
    afterSequence,
    aggregate: 'scheduler',
    commitsMax: 1,
    signal,
  })) {
    for (const event of commits.flatMap(({ events }) => events as readonly SchedulerEvent[]))
      if (event.type === 'session-placed' && load.gangs.has(event.session))
        placed.add(event.session);
    const [mark] = left;
    if (mark !== undefined && placed.size >= mark) {
      // Marks that were passed together are one kill.
      while ((left[0] ?? GANGS) <= placed.size && left.length > 0) left.shift();
      await systemClock.sleep(random.between(0, KILL_AFTER_MS_MAX));
      const owner = await whoDecides(cluster);
      await cluster.end(owner, 'SIGKILL');
      placedAtKills.push((await load.placings()).length);
      await cluster.start(owner);
    }
    if (placed.size === GANGS) return placedAtKills;
  }
  throw new Error(`only ${placed.size} of ${GANGS} gangs were placed`);
}

/** On a busy machine a host may just have lost its lease, and nobody decides for a moment. */
async function whoDecides({ bus, owners }: ControlHosts): Promise<string> {
  const partition = bus.inbox.partitionOf('scheduler', SCHEDULER_ID);
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS;
  for (;;) {
    const owner = (await owners())[partition];
    if (owner !== undefined) return owner;
    assert.ok(systemClock.nowMs() < deadlineMs, 'somebody decides');
    await systemClock.sleep(OWNER_LOOK_MS);
  }
}

/** Every session heard of its place. */
async function allTold(load: GangLoad): Promise<void> {
  const deadlineMs = systemClock.nowMs() + PATIENCE_MS;
  for (const session of load.gangs.keys()) {
    while ((await load.scheduledTo(session)).length === 0) {
      assert.ok(systemClock.nowMs() < deadlineMs, `${session} was told in time`);
      await systemClock.sleep(100);
    }
  }
}

async function assertWhole(load: GangLoad): Promise<void> {
  const placings = await load.placings();
  assert.is(placings.length, GANGS, 'each is placed once');
  assert.is(new Set(placings.map(({ session }) => session)).size, GANGS);
  const given = new Map<string, number>();
  for (const { session, placements } of placings) {
    const kernels = placements.map(({ kernel }) => kernel);
    assert.equal(kernels.toSorted(), load.gangs.get(session)?.toSorted(), 'whole');
    for (const { node } of placements) given.set(node, (given.get(node) ?? 0) + 1);
    const told = await load.scheduledTo(session);
    assert.is(told.length, 1, 'it was told once');
    assert.equal(told[0], placements, 'it was told where the scheduler put it');
  }
  // There is room for exactly these: a core given twice would be missing elsewhere.
  assert.equal(new Map([...given].toSorted()), new Map([...load.capacities()].toSorted()));
}

gangs.run();
