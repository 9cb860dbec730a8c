import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AnyStateMachine } from 'xstate';
import { archiveMachine } from '../../../../actors/archive/machine.ts';
import { domainMachine } from '../../../../actors/domain/machine.ts';
import { imageMachine } from '../../../../actors/image/machine.ts';
import { keypairMachine } from '../../../../actors/keypair/machine.ts';
import { nodeMachine } from '../../../../actors/node/machine.ts';
import { policyMachine } from '../../../../actors/policy/machine.ts';
import { projectMachine } from '../../../../actors/project/machine.ts';
import { registryMachine } from '../../../../actors/registry/machine.ts';
import { absent, askedAgainAtMs } from '../../../../actors/runtime/turn.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { sessionMachine } from '../../../../actors/session/machine.ts';
import { userMachine } from '../../../../actors/user/machine.ts';

/** States in which an aggregate rests: nobody waits for anything there. */
const RESTING = [
  'absent',
  'registered',
  'present',
  'deleted',
  'purged',
  'standing',
  'node.terminated',
  'image.alias',
  'registry.known',
];

const machines: Readonly<Record<string, AnyStateMachine>> = {
  session: sessionMachine,
  node: nodeMachine,
  image: imageMachine,
  user: userMachine,
  keypair: keypairMachine,
  archive: archiveMachine,
  domain: domainMachine,
  project: projectMachine,
  policy: policyMachine,
  registry: registryMachine,
};

const deadlines = suite('deadlines: declared and documented');

for (const [name, machine] of Object.entries(machines)) {
  const states = Object.entries(machine.states).filter(([state, { type }]) => {
    const isResting = RESTING.includes(state) || RESTING.includes(`${name}.${state}`);
    return type !== 'final' && !isResting;
  });
  deadlines(`every state of a ${name} in which somebody waits asks the world again`, () => {
    for (const [state, { meta }] of states) assert.ok(meta?.reconcileMs > 0, state);
  });
  if (states.length === 0) continue;
  deadlines(`the table in the README of ${name} says what the machine says`, () => {
    const readme = readFileSync(
      new URL(`../../../../actors/${name}/README.md`, import.meta.url),
      'utf8',
    );
    for (const [state, { meta }] of states) {
      const row = new RegExp(
        `^\\| ${state} +\\| (\\d+) s: .*? +\\| (?:(\\d+) s|none.*?) +\\|$`,
        'm',
      ).exec(readme);
      assert.ok(row, `${state} has a row`);
      assert.is(Number(row?.[1]) * 1000, meta.reconcileMs, state);
      const upTo = / up to (\d+) s /.exec(row?.[0] ?? '')?.[1];
      assert.is(upTo === undefined ? undefined : Number(upTo) * 1000, meta.reconcileMsMax, state);
      assert.is(row?.[2] === undefined ? undefined : Number(row[2]) * 1000, meta.deadlineMs, state);
    }
  });
}

deadlines('a phase that lasts is asked after more and more seldom, where that is declared', () => {
  const held = { ...absent(sessionAggregate, 'x'), phaseSinceMs: 1_000 };
  const often = { phase: 'p', reconcileMs: 60 };
  const seldom = { ...often, reconcileMsMax: 960 };
  assert.is(askedAgainAtMs(often, held, 5_000), 5_060);
  assert.is(askedAgainAtMs(seldom, held, 1_010), 1_070);
  assert.is(askedAgainAtMs(seldom, held, 1_300), 1_600);
  assert.is(askedAgainAtMs(seldom, held, 90_000), 90_960);
});

deadlines.run();
