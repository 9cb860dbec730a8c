import { inspect } from 'node:util';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEFAULT_GROUP_POLICY,
  type PendingView,
  type Placed,
  type Plan,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan, runningOf } from '../../../../../actors/scheduler/planning/plan.ts';
import { afterStart, GROUP_POLICY, randomSituation } from './random-situation.ts';

const properties = suite('scheduler: what holds for every plan');
const RUNS = { numRuns: 600, seed: 20_260 };

const sessionOf = ({ pending }: Situation, id: string): PendingView => {
  const found = pending.find(({ session }) => session === id);
  if (found === undefined) throw new Error(`no session ${id}`);
  return found;
};

function after(situation: Situation, placed: readonly Placed[]): Situation {
  let now = situation;
  for (const { session: id, placements } of placed) {
    const running = runningOf(sessionOf(situation, id), placements, now.nowMs);
    now = afterStart(now, running);
  }
  const gone = new Set(placed.map(({ session }) => session));
  return { ...now, pending: situation.pending.filter(({ session }) => !gone.has(session)) };
}

const holds = (
  check: (situation: Situation, decided: Plan) => void,
  situations = randomSituation(),
): void =>
  fc.assert(
    fc.property(situations, (situation) => check(situation, plan(situation))),
    RUNS,
  );

properties('no node gives more of a slot, or more containers, than it has', () => {
  holds((situation, { placed }) => {
    for (const node of after(situation, placed).nodes) {
      assert.ok(
        node.free.every((amount) => amount >= 0),
        `${node.name} ${node.free}`,
      );
      assert.ok(node.containers <= (node.containersMax ?? Infinity), node.name);
    }
  });
});

properties('every session is placed whole, held, or ended, once', () => {
  holds((situation, { placed, held, ended }) => {
    const told = [...placed, ...held, ...ended].map(({ session }) => session);
    assert.equal(told.toSorted(), situation.pending.map(({ session }) => session).toSorted());
    for (const { session, placements } of placed) {
      const kernels = sessionOf(situation, session).kernels.map(({ kernel }) => kernel);
      assert.equal(
        placements.map(({ kernel }) => kernel),
        kernels,
      );
    }
  });
});

properties('single-node sessions lie on one node', () => {
  holds((situation, { placed }) => {
    for (const { session, placements } of placed) {
      if (sessionOf(situation, session).clusterMode === 'multi-node') continue;
      assert.is(new Set(placements.map(({ node }) => node)).size, 1);
    }
  });
});

properties('kernels of one session lie where they have a network in common', () => {
  let apart = 0;
  holds(({ nodes }, { placed, promised }) => {
    const networks = new Map(nodes.map(({ name, network }) => [name, network]));
    for (const { placements } of [...placed, ...promised]) {
      const names = new Set(placements.map(({ node }) => node));
      if (names.size > 1) apart += 1;
      assert.is(new Set([...names].map((name) => networks.get(name))).size, 1);
    }
  });
  assert.ok(apart > 10, `${apart} lie on several nodes`);
});

properties('only nodes that take sessions, of the architecture, named for it, are given', () => {
  holds((situation, { placed }) => {
    for (const { session, placements } of placed) {
      const { architecture, designated } = sessionOf(situation, session);
      for (const { node: name } of placements) {
        const node = situation.nodes.find((one) => one.name === name);
        assert.ok(node?.isSchedulable);
        assert.ok(architecture === undefined || node?.architecture === architecture);
        if (designated?.policy === 'strict') assert.ok(designated.nodes.includes(name));
      }
    }
  });
});

properties('members of a strictly spread group never share a node', () => {
  holds((situation, { placed }) => {
    const running = after(situation, placed).running.slice(situation.running.length);
    const taken = new Map<string, string>();
    for (const one of situation.running.filter(({ placementGroup }) => placementGroup === 'web')) {
      for (const { node } of one.placements) taken.set(node, one.session);
    }
    for (const one of running.filter(({ placementGroup }) => placementGroup === 'web')) {
      for (const { node } of one.placements) {
        assert.ok((taken.get(node) ?? one.session) === one.session);
        taken.set(node, one.session);
      }
    }
  });
});

properties('a pass leaves nobody past a limit', () => {
  holds((situation, { placed }) => {
    const { usage, limits } = after(situation, placed);
    for (const { session } of placed) {
      const { accessKey, projectId } = sessionOf(situation, session).owner;
      const keypair = limits.keypairs.get(accessKey);
      const held = usage.get(`keypair:${accessKey}`);
      assert.ok((held?.sessions ?? 0) <= (keypair?.concurrentSessionsMax ?? Infinity));
      held?.slots.forEach((amount, slot) => {
        assert.ok(amount <= (keypair?.total?.[slot] ?? Infinity));
      });
      usage.get(`project:${projectId}`)?.slots.forEach((amount, slot) => {
        assert.ok(amount <= (limits.projects.get(projectId)?.[slot] ?? Infinity));
      });
    }
  });
});

const FURTHER_LIMITS = fc.record({
  ofUser: fc.integer({ min: 1, max: 4 }),
  ofProject: fc.integer({ min: 1, max: 6 }),
  containersPerSessionMax: fc.constantFrom(undefined, 1, 3),
  priorityMax: fc.constantFrom(undefined, 15),
});

properties(
  'sessions of users and projects, kernels and priorities stay within their limits',
  () => {
    const within = fc.property(randomSituation(), FURTHER_LIMITS, (drawn, further) => {
      const { ofUser, ofProject, containersPerSessionMax, priorityMax } = further;
      const keypairs = new Map(
        ['ann', 'bob', 'cat'].map((user) => [user, { containersPerSessionMax, priorityMax }]),
      );
      const sessionsMax = {
        user: new Map([['ann', ofUser]]),
        project: new Map([['lab', ofProject]]),
        domain: new Map(),
      };
      const situation = { ...drawn, limits: { ...drawn.limits, keypairs, sessionsMax } };
      const { placed } = plan(situation);
      const { usage } = after(situation, placed);
      for (const { session } of placed) {
        const { owner, kernels, priority } = sessionOf(situation, session);
        assert.ok(kernels.length <= (containersPerSessionMax ?? Infinity));
        assert.ok(priority <= (priorityMax ?? Infinity));
        const count = (key: string): number => usage.get(key)?.sessions ?? 0;
        if (owner.userId === 'ann') assert.ok(count('user:ann') <= ofUser);
        if (owner.projectId === 'lab') assert.ok(count('project:lab') <= ofProject);
      }
    });
    fc.assert(within, { numRuns: 300 });
  },
);

properties('the same situation gives the same plan', () => {
  holds((situation, decided) => {
    assert.equal(plan(structuredClone(situation)), decided);
  });
});

properties('a plan changes nothing that it looks at', () => {
  fc.assert(
    fc.property(randomSituation(), (situation) => {
      const before = inspect(situation, { depth: null });
      plan(situation);
      assert.is(inspect(situation, { depth: null }), before);
    }),
    RUNS,
  );
});

properties('who was held would still be held when the rest has been placed', () => {
  const policy = GROUP_POLICY.map((one) => ({
    ...one,
    ordering: 'fifo' as const,
    reservation: 'none' as const,
    preemption: DEFAULT_GROUP_POLICY.preemption,
  }));
  fc.assert(
    fc.property(randomSituation({ policy }), (situation) => {
      const next = after(situation, plan(situation).placed);
      // Where a gang's pieces find their nodes depends on what is free, and so on the order.
      const pending = next.pending.filter(({ clusterMode }) => clusterMode === 'single-node');
      const again = plan({ ...next, pending });
      const gangs = next.pending.length !== pending.length;
      if (!gangs) assert.equal(again.placed, []);
    }),
    RUNS,
  );
});

properties('only who has a lower job priority, may be ended and ran long enough makes room', () => {
  holds((situation, { preempted }) => {
    const rule = situation.groups['default']?.preemption ?? DEFAULT_GROUP_POLICY.preemption;
    const victims = preempted.map(({ session }) => session);
    assert.is(new Set(victims).size, victims.length);
    for (const { session, inFavourOf } of preempted) {
      const victim = situation.running.find((one) => one.session === session);
      const winner = sessionOf(situation, inFavourOf);
      assert.ok(rule.isEnabled && victim?.isPreemptible);
      assert.ok((victim?.jobPriority ?? Infinity) < winner.jobPriority);
      assert.ok(situation.nowMs - (victim?.startedAtMs ?? Infinity) >= rule.runtimeMinMs);
      if (rule.victimScope === 'user') assert.is(victim?.owner.userId, winner.owner.userId);
    }
  });
});

properties('what is kept is not given: the first that lacks room starts no later', () => {
  const policy = GROUP_POLICY.map((one) => ({
    ...one,
    ordering: 'fifo' as const,
    reservation: 'first-blocked' as const,
    preemption: DEFAULT_GROUP_POLICY.preemption,
  }));
  fc.assert(
    fc.property(randomSituation({ policy, isLimited: false }), (situation) => {
      const pending = situation.pending
        .filter(({ kernels }) => kernels.length === 1)
        .map(({ placementGroup: _, ...session }) => ({ ...session, priority: 10 }));
      const decided = plan({ ...situation, pending });
      const [first] = decided.held.filter(({ code }) => code === 'no-available-instances');
      if (first === undefined) return;
      // Everything that runs ends as it should: by then the first has room, whoever was let past it.
      const until = decided.placed.reduce((now, { session: id, placements }) => {
        const session = pending.find(({ session: each }) => each === id);
        return session === undefined
          ? now
          : afterStart(now, runningOf(session, placements, now.nowMs));
      }, situation);
      const wanted = pending.filter(({ session }) => session === first.session);
      const alone = startOf({ ...situation, pending: wanted }, decided, pending);
      assert.ok(startOf({ ...until, pending: wanted }, undefined, pending) <= alone);
    }),
    RUNS,
  );
});

/** When the one that waits could start: the first end after which it is placed. Those before it are placed. */
function startOf(
  situation: Situation,
  decided: Plan | undefined,
  pending: readonly PendingView[],
): number {
  const [wanted] = situation.pending;
  const place = decided?.held.find(({ session }) => session === wanted?.session)?.place ?? 0;
  const before = new Set(pending.slice(0, Math.max(0, place - 1)).map(({ session }) => session));
  const from = (decided?.placed ?? [])
    .filter(({ session }) => before.has(session))
    .reduce((now, { session: id, placements }) => {
      const session = pending.find((one) => one.session === id);
      return session === undefined
        ? now
        : afterStart(now, runningOf(session, placements, now.nowMs));
    }, situation);
  const ends = from.running.map(({ endsAtMs = Infinity }) => endsAtMs);
  for (const atMs of [from.nowMs, ...ends.toSorted((left, right) => left - right)]) {
    if (atMs === Infinity) break;
    const gone = from.running.filter(({ endsAtMs = Infinity }) => endsAtMs <= atMs);
    const nodes = from.nodes.map((node) => {
      const freed = gone.flatMap(({ placements }) =>
        placements.filter((placement) => placement.node === node.name),
      );
      return {
        ...node,
        free: node.free.map((amount, slot) =>
          freed.reduce((sum, { request }) => sum + (request[slot] ?? 0), amount),
        ),
        containers: node.containers - freed.length,
      };
    });
    if (plan({ ...from, nodes, running: [] }).placed.length > 0) return atMs;
  }
  return Infinity;
}

properties.run();
