import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_GROUP_POLICY } from '../../../../../actors/scheduler/planning/model.ts';
import { checkPresets, remainingOf } from '../../../../../actors/scheduler/planning/presets.ts';
import { parseCases } from './case-file.ts';

const GIB = 2 ** 30;
const request = suite('scheduler: presets that could start now');

request('a preset is allocatable when one such kernel would start now', () => {
  const [only] = parseCases(`# presets
agents
  agent gpu cpu mem
  a     1   4   16
limits
  of       cpu
  user:ann 3
running
  session on cpu
  r1      a  1
queue
  session cpu
  s1      1
`);
  if (only === undefined) throw new Error('no case');
  const [session] = only.situation.pending;
  if (session === undefined) throw new Error('no session');
  const groups = { default: DEFAULT_GROUP_POLICY };
  const situation = { ...only.situation, groups };
  const preset = (name: string, gpu: number, cpu: number) => ({
    name,
    request: [gpu, 0, 0, cpu, GIB],
  });
  const presets = [
    preset('small', 0, 1000),
    preset('gpu', 1000, 1000),
    preset('many', 2000, 1000),
    preset('large', 0, 3000),
    { ...preset('elsewhere', 0, 1000), group: 'other' },
  ];
  assert.equal(checkPresets(situation, session, presets), [
    { name: 'small', isAllocatable: true },
    { name: 'gpu', isAllocatable: true },
    { name: 'many', isAllocatable: false, code: 'never-fits' },
    { name: 'large', isAllocatable: false, code: 'user-resource-limit' },
  ]);
  assert.is(remainingOf(situation, session).user[3], 2000);
  assert.is(remainingOf(situation, session).domain[3], Infinity);
});

request.run();
