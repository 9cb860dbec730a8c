import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AnyStateMachine, initialTransition, setup, transition } from 'xstate';
import { domainMachine } from '../../../../actors/domain/machine.ts';
import { imageMachine } from '../../../../actors/image/machine.ts';
import { keypairMachine } from '../../../../actors/keypair/machine.ts';
import { nodeMachine } from '../../../../actors/node/machine.ts';
import { policyMachine } from '../../../../actors/policy/machine.ts';
import { projectMachine } from '../../../../actors/project/machine.ts';
import { compile } from '../../../../actors/runtime/compiled-machine.ts';
import { kernelMachine } from '../../../../actors/session/kernel/machine.ts';
import { sessionMachine } from '../../../../actors/session/machine.ts';
import { userMachine } from '../../../../actors/user/machine.ts';
import { kernelOf, mainKernel, requestOf, subKernel } from '../session/session-under-test.ts';

const machines: Readonly<Record<string, AnyStateMachine>> = {
  session: sessionMachine,
  kernel: kernelMachine,
  node: nodeMachine,
  image: imageMachine,
  user: userMachine,
  keypair: keypairMachine,
  domain: domainMachine,
  project: projectMachine,
  policy: policyMachine,
};

/** Enough for every event of every machine: each takes from it what it knows. */
const content = fc.record({
  kernel: fc.constantFrom(mainKernel, subKernel, 'no such kernel'),
  node: fc.constantFrom('node-a', 'node-b'),
  reason: fc.constantFrom('user-requested', 'task-finished'),
  mode: fc.constantFrom('graceful', 'force'),
  code: fc.constant('image-not-found'),
  message: fc.string({ maxLength: 3 }),
  exitCode: fc.constantFrom(0, 1, null),
  result: fc.constantFrom('success', 'failure'),
  isSchedulable: fc.boolean(),
  reference: fc.constant('image:1'),
  use: fc.constantFrom({ kind: 'batch', runId: 'run-1' }, { kind: 'file-removed' }),
  key: fc.constantFrom({ fingerprint: 'a', label: 'one' }, { fingerprint: 'b', label: 'two' }),
  fingerprint: fc.constantFrom('a', 'b'),
  label: fc.constant('another'),
});
const request = requestOf({ kernels: [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')] });
const placements = [{ kernel: mainKernel, node: 'node-a', slots: { cpu: '1' } }];
const settings = { resourcePolicy: 'default', totalResourceSlots: {} };
const changes = { resourcePolicy: 'other', isActive: false };
const profile = { username: 'ada', projectId: 'default' };
const directory = { settings, changes, profile, projects: [], holder: 'p', status: 'deleted' };
const totp = { recoveryHashes: ['one', 'two'], hash: 'one', step: 1 };
const common = { request, placements, slots: { cpu: '1' }, facts: {}, ...directory, ...totp };

const compiled = suite('compiled machines: the same as the interpreter');

for (const [name, machine] of Object.entries(machines)) {
  const rules = compile(machine);
  const types = [...machine.root.events, 'an-event-of-no-machine'];
  // Mostly one of the legal events, so that the sequences go deep.
  const choice = fc.record({ type: fc.nat(), isAny: fc.nat(3), content });

  compiled(`a ${name} takes and refuses the same events, with the same effects`, () => {
    const sequence = fc.array(choice, { maxLength: 40 });
    const agree = fc.property(sequence, (choices) => {
      let state = rules.initial;
      let [snapshot] = initialTransition(machine);
      for (const { type, isAny, content: rest } of choices) {
        const all = types.map((each) => ({ ...common, ...rest, type: each }));
        const legal = all.filter((each) => snapshot.can(each));
        const candidates = isAny === 0 || legal.length === 0 ? all : legal;
        const each = candidates[type % candidates.length] ?? { type: '' };
        const isLegal = snapshot.can(each);
        assert.is(rules.can(state, each), isLegal, each.type);
        const applied = rules.apply(state, each);
        assert.is(applied !== undefined, isLegal, each.type);
        if (applied === undefined) continue;
        const [next, actions] = transition(machine, snapshot, each);
        assert.equal(
          applied.effects,
          actions.map(({ type, params }) => ({ type, params })),
        );
        state = applied.state;
        snapshot = next;
        assert.is(state.value, snapshot.value);
        assert.is(state.status, snapshot.status);
        assert.equal(state.context, snapshot.context);
      }
    });
    fc.assert(agree, { numRuns: 300 });
  });

  compiled(`what a state of a ${name} declares is what the tables tell`, () => {
    for (const [state, { meta }] of Object.entries(machine.states))
      assert.is(rules.metaOf(state), meta);
  });
}

compiled('a machine that does what the tables do not know is refused', () => {
  const always = setup({}).createMachine({
    initial: 'one',
    states: { one: { always: 'two' }, two: {} },
  });
  const nested = setup({}).createMachine({
    initial: 'one',
    states: { one: { initial: 'inner', states: { inner: {} } } },
  });
  const leaving = setup({ actions: { say: () => undefined } }).createMachine({
    initial: 'one',
    states: { one: { exit: 'say', on: { go: 'two' } }, two: {} },
  });
  const late = setup({}).createMachine({
    initial: 'one',
    states: { one: { after: { 1000: 'two' } }, two: {} },
  });
  for (const machine of [always, nested, leaving, late])
    assert.throws(() => compile(machine), /cannot be made into tables/);
});

compiled.run();
