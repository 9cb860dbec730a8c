import type { PresetCommand, PresetEvent, Slots } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { presetAggregate } from '../../../../actors/preset/aggregate.ts';
import { PRESET_SLOTS_MAX } from '../../../../actors/preset/decide.ts';

const slots = { cpu: '1', mem: '1073741824' };
const created: PresetEvent = { type: 'preset-created', name: 'small', slots };
const create: PresetCommand = { type: 'create', name: 'small', slots };

/** What a command leads to after these events: events, or the code and field of a refusal. */
function after(events: readonly PresetEvent[], command: PresetCommand) {
  let state = presetAggregate.initial('id');
  for (const event of events) {
    const applied = presetAggregate.apply(state, event);
    assert.ok(applied, `${event.type} is not legal`);
    if (applied !== undefined) state = applied.state;
  }
  const decision = presetAggregate.decide(state, presetAggregate.parseCommand(command), {
    id: 'id',
    revision: events.length,
    nowMs: 0,
    actor: { kind: 'user', id: 'u' },
    newId: () => 'new',
  });
  if (!decision.ok) return [decision.error.code, decision.error.field];
  return decision.value.events;
}

const preset = suite('preset: what is decided');

preset('is created, and created again when it was deleted', () => {
  assert.equal(after([], create), [created]);
  assert.equal(after([created, { type: 'preset-deleted' }], create), [created]);
});

preset('created twice alike changes nothing, with other resources it is refused', () => {
  assert.equal(after([created], create), []);
  const sameAmounts = { ...create, slots: { mem: '1073741824', cpu: '1.000' } };
  assert.equal(after([created], sameAmounts), []);
  const other = { ...create, slots: { ...slots, cpu: '2' } };
  assert.equal(after([created], other), ['preset-exists', 'name']);
  const shared = { ...create, sharedMemoryBytes: 1 };
  assert.equal(after([created], shared), ['preset-exists', 'name']);
});

preset('is modified by what differs only', () => {
  assert.equal(after([created], { type: 'modify', slots }), []);
  assert.equal(after([created], { type: 'modify' }), []);
  assert.equal(after([created], { type: 'modify', sharedMemoryBytes: null }), []);
  const larger = { ...slots, cpu: '2' };
  assert.equal(after([created], { type: 'modify', slots: larger, sharedMemoryBytes: 7 }), [
    { type: 'preset-slots-set', slots: larger },
    { type: 'preset-shared-memory-set', sharedMemoryBytes: 7 },
  ]);
});

preset('that is not there cannot be modified, and deleting it changes nothing', () => {
  assert.equal(after([], { type: 'modify', slots }), ['preset-unknown', 'name']);
  assert.equal(after([], { type: 'delete' }), []);
  assert.equal(after([created], { type: 'delete' }), [{ type: 'preset-deleted' }]);
});

const senseless: readonly (readonly [string, Slots, string])[] = [
  ['nothing', {}, 'slots.cpu'],
  ['no cpu', { mem: '1' }, 'slots.cpu'],
  ['zero cpu', { cpu: '0', mem: '1' }, 'slots.cpu'],
  ['no mem', { cpu: '1' }, 'slots.mem'],
  ['zero mem', { cpu: '1', mem: '0.000' }, 'slots.mem'],
  ['half a byte', { cpu: '1', mem: '7.5' }, 'slots.mem'],
  ['zero of a device', { ...slots, 'cuda.device': '0' }, 'slots.cuda.device'],
  [
    'too many slots',
    Object.fromEntries(Array.from({ length: PRESET_SLOTS_MAX + 1 }, (_, at) => [`d${at}`, '1'])),
    'slots',
  ],
];
for (const [name, wrong, field] of senseless) {
  preset(`${name} is refused when it is created and when it is modified`, () => {
    assert.equal(after([], { ...create, slots: wrong }), ['preset-invalid', field]);
    assert.equal(after([created], { type: 'modify', slots: wrong }), ['preset-invalid', field]);
  });
}

preset('shared memory is less than mem, also when only one of them is changed', () => {
  const all = Number(slots.mem);
  const refused = ['preset-invalid', 'sharedMemory'];
  assert.equal(after([], { ...create, sharedMemoryBytes: all }), refused);
  assert.equal(after([], { ...create, sharedMemoryBytes: all - 1 }), [
    { ...created, sharedMemoryBytes: all - 1 },
  ]);
  assert.equal(after([created], { type: 'modify', sharedMemoryBytes: all }), refused);
  const shared: PresetEvent = { ...created, sharedMemoryBytes: all - 1 };
  assert.equal(after([shared], { type: 'modify', slots: { cpu: '1', mem: '1024' } }), refused);
});

preset('a name that is none is no command', () => {
  for (const name of ['', 'a'.repeat(65), 'a b', 'ä', '-x', '../x', 'x\0'])
    assert.throws(() => presetAggregate.parseCommand({ ...create, name }), name);
});

preset.run();
