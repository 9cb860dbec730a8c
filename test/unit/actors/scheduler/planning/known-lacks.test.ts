import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DEFAULT_GROUP_POLICY,
  type PendingView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import { randomSituation } from './random-situation.ts';

const lacks = suite('scheduler: many that want the same');
const RUNS = { numRuns: 400, seed: 20_261 };

/** Each session three times, behind all others. */
function thrice(situation: Situation): Situation {
  const { length } = situation.pending;
  const pending = [0, 1, 2].flatMap((copy) =>
    situation.pending.map(
      (one, index): PendingView => ({
        ...one,
        session: `${one.session}-${copy}`,
        queuedAtMs: one.queuedAtMs + copy * length + index,
        kernels: one.kernels.map(({ kernel, request }) => ({
          kernel: `${kernel}-${copy}`,
          request,
        })),
      }),
    ),
  );
  return { ...situation, pending };
}

/** With the wish of each: the same object in sessions that are alike in all that a wish holds. */
function withWishes(situation: Situation): Situation {
  const wishes = new Map<string, object>();
  const pending = situation.pending.map((one) => {
    const { session, name, attempt, queuedAtMs, startsAtMs, ...rest } = one;
    const { dependencies, failedOn, promised, kernels, ...wished } = rest;
    const requests = kernels.map(({ request }) => request);
    const key = JSON.stringify({ ...wished, requests });
    const wish = wishes.get(key) ?? {};
    wishes.set(key, wish);
    return { ...one, wish };
  });
  return { ...situation, pending };
}

lacks('the plan is the same whether or not it is known that they are alike', () => {
  const isSame = fc.property(randomSituation(), (situation) => {
    const many = thrice(situation);
    assert.equal(plan(withWishes(many)), plan(many));
  });
  fc.assert(isSame, RUNS);
});

lacks('of ten thousand that want what nobody has, one is looked at', () => {
  let looks = 0;
  const owner = { userId: 'u', projectId: 'p', domain: 'd', accessKey: 'k' };
  const wish = {};
  const pending = Array.from({ length: 10_000 }, (_, index): PendingView => {
    const session = `s${index}`;
    return {
      session,
      name: session,
      attempt: 1,
      queuedAtMs: index,
      priority: 10,
      sessionType: 'batch',
      group: 'default',
      clusterMode: 'single-node',
      owner,
      kernels: [{ kernel: session, request: [10] }],
      dependencies: [],
      failedOn: [],
      jobPriority: 0,
      wish,
      // Asked once for each session that is really tried.
      get placementGroup() {
        looks += 1;
        return undefined;
      },
    };
  });
  const { held } = plan({
    nowMs: 20_000,
    slots: ['cpu'],
    nodes: [
      {
        name: 'n',
        group: 'default',
        architecture: 'x86_64',
        isSchedulable: true,
        total: [20],
        free: [5],
        containers: 0,
        turn: 0,
      },
    ],
    pending,
    running: [],
    groups: { default: DEFAULT_GROUP_POLICY },
    limits: { keypairs: new Map(), users: new Map(), projects: new Map(), domains: new Map() },
    usage: new Map(),
  });
  assert.is(held.length, 10_000);
  assert.is(held[9_999]?.place, 10_000);
  assert.ok(looks < 10, `${looks}`);
});

lacks.run();
