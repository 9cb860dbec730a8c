import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  PendingView,
  Plan,
  RunningView,
  Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { plan, runningOf } from '../../../../../actors/scheduler/planning/plan.ts';
import { afterStart, GROUP_POLICY, randomSituation } from './random-situation.ts';

const promises = suite('scheduler: room that is made for a session');
const RUNS = { numRuns: 1600, seed: 919 };

/** Much is preempted here. Some are ending already. */
const crowded = fc
  .tuple(
    randomSituation({
      isLimited: false,
      runningMax: 16,
      policy: GROUP_POLICY.map((one) => ({
        ...one,
        preemption: {
          ...one.preemption,
          isEnabled: true,
          runtimeMinMs: 0,
          victimScope: 'resource-group' as const,
        },
      })),
    }),
    fc.constantFrom(-1, -1, 0, 1),
  )
  .map(([situation, ending]) => ({
    ...situation,
    pending: situation.pending.map((one) => ({ ...one, jobPriority: one.jobPriority + 1 })),
    running: situation.running.map((one, index) => ({
      ...one,
      jobPriority: index % 3,
      isEnding: index === ending,
    })),
  }));

/** The situation with what the plan decided in it: victims are ending, and who has a promise keeps it. */
function after(situation: Situation, decided: Plan): Situation {
  const placed = decided.placed.map(({ session: id, placements }) => {
    const session = situation.pending.find(({ session: each }) => each === id);
    if (session === undefined) throw new Error(`no session ${id}`);
    return runningOf(session, placements, situation.nowMs);
  });
  const now = placed.reduce(afterStart, situation);
  const gone = new Set([...placed, ...decided.ended].map(({ session }) => session));
  const victims = new Set(decided.preempted.map(({ session }) => session));
  return {
    ...now,
    running: now.running.map((one) =>
      victims.has(one.session) ? { ...one, isEnding: true } : one,
    ),
    pending: situation.pending
      .filter(({ session }) => !gone.has(session))
      .map((one) => withPromise(one, decided)),
  };
}

function withPromise(one: PendingView, { promised, broken }: Plan): PendingView {
  const made = promised.find(({ session }) => session === one.session);
  if (made !== undefined) return { ...one, promised: made.placements };
  return broken.includes(one.session) ? { ...one, promised: undefined } : one;
}

function without(situation: Situation, gone: readonly RunningView[]): Situation {
  const names = new Set(gone.map(({ session }) => session));
  const nodes = situation.nodes.map((node) => {
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
  const running = situation.running.filter(({ session }) => !names.has(session));
  return { ...situation, nodes, running };
}

const endingIn = ({ running }: Situation): readonly RunningView[] =>
  running.filter(({ isEnding }) => isEnding === true);

const promisedIn = ({ pending }: Situation): readonly PendingView[] =>
  pending.filter(({ promised }) => promised !== undefined);

promises('once the others have gone everyone who was promised room is placed there', () => {
  let seen = 0;
  let atOnce = 0;
  fc.assert(
    fc.property(crowded, (situation) => {
      const decided = plan(situation);
      if (decided.promised.length === 0) return;
      seen += 1;
      if (decided.promised.length > 1) atOnce += 1;
      const next = after(situation, decided);
      const { placed } = plan(without(next, endingIn(next)));
      for (const { session, placements } of decided.promised)
        assert.equal(placed.find((one) => one.session === session)?.placements, placements);
    }),
    RUNS,
  );
  assert.ok(seen > 100 && atOnce > 10, `only ${seen} promises, ${atOnce} times several at once`);
});

promises(
  'while the others go one by one the promise holds and nobody else has to go for it',
  () => {
    let seen = 0;
    fc.assert(
      fc.property(crowded, (situation) => {
        let decided = plan(situation);
        if (decided.promised.length === 0) return;
        const wanted = new Map(decided.promised.map((one) => [one.session, one.placements]));
        let now = after(situation, decided);
        for (let [first] = endingIn(now); first !== undefined; [first] = endingIn(now)) {
          now = without(now, [first]);
          decided = plan(now);
          const isAsBefore = decided.preempted.every(({ inFavourOf }) => !wanted.has(inFavourOf));
          assert.ok(isAsBefore && decided.broken.length === 0);
          for (const { session, placements } of decided.placed)
            if (wanted.has(session)) assert.equal(placements, wanted.get(session));
          now = after(now, decided);
          seen += 1;
          if (promisedIn(now).every(({ session }) => !wanted.has(session))) return;
        }
        assert.unreachable('somebody waits for room that is there');
      }),
      RUNS,
    );
    assert.ok(seen > 100, `only ${seen} passes were seen`);
  },
);

promises('nobody has anyone end twice for the same room, however often it is looked at', () => {
  fc.assert(
    fc.property(crowded, (situation) => {
      const decided = plan(situation);
      const next = after(situation, decided);
      const again = plan(next);
      const wanted = new Set(decided.promised.map(({ session }) => session));
      for (const { inFavourOf } of again.preempted) assert.not.ok(wanted.has(inFavourOf));
      assert.equal(again.broken, []);
    }),
    RUNS,
  );
});

promises('who loses a node of its room to a cordon waits as anyone, or has room made anew', () => {
  let lost = 0;
  let anew = 0;
  fc.assert(
    fc.property(crowded, (situation) => {
      const decided = plan(situation);
      const [first] = decided.promised;
      if (first === undefined) return;
      const cordoned = first.placements[0]?.node;
      const next = after(situation, decided);
      const nodes = next.nodes.map((node) =>
        node.name === cordoned ? { ...node, isSchedulable: false } : node,
      );
      const again = plan({ ...next, nodes });
      const isPlaced = again.placed.some(({ session }) => session === first.session);
      const isAnew = again.promised.some(({ session }) => session === first.session);
      const isBroken = again.broken.includes(first.session);
      assert.is(Number(isPlaced) + Number(isAnew) + Number(isBroken), 1);
      if (isBroken) lost += 1;
      if (isAnew) anew += 1;
      for (const { placements } of again.promised)
        assert.ok(placements.every(({ node }) => node !== cordoned));
    }),
    RUNS,
  );
  assert.ok(lost > 10 && anew > 3, `lost ${lost} times, made anew ${anew} times`);
});

promises.run();
