import type { ImageCommand, ImageEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { imageAggregate } from '../../../../actors/image/aggregate.ts';

const reference = 'registry.example.test/team/python:3';
const facts = { digest: 'sha256:1', architecture: 'x86_64', sizeBytes: 7, labels: {} };
const registered: ImageEvent = { type: 'image-registered', reference };
const aliased: ImageEvent = { type: 'image-aliased', alias: 'python', target: reference };

/** What a command leads to after these events: events, or the code of a refusal. */
function after(events: readonly ImageEvent[], command: ImageCommand) {
  let state = imageAggregate.initial('id');
  for (const event of events) {
    const applied = imageAggregate.apply(state, event);
    assert.ok(applied, `${event.type} is not legal`);
    if (applied !== undefined) state = applied.state;
  }
  const decision = imageAggregate.decide(state, imageAggregate.parseCommand(command), {
    id: 'id',
    revision: events.length,
    nowMs: 0,
    actor: { kind: 'user', id: 'u' },
    newId: () => 'new',
  });
  return decision.ok ? decision.value.events : decision.error.code;
}

const image = suite('image: what is decided');

image('a scan registers it, and one that finds the same changes nothing', () => {
  const scan: ImageCommand = { type: 'report-scan', reference, platforms: [facts] };
  const scanned: ImageEvent = { type: 'image-scanned', platforms: [facts] };
  assert.equal(after([], scan), [registered, scanned]);
  assert.equal(after([registered, scanned], scan), []);
});

image('an alias stands for another name, may be changed, and is taken away', () => {
  const alias: ImageCommand = { type: 'alias', alias: 'python', target: reference };
  assert.equal(after([], alias), [aliased]);
  assert.equal(after([aliased], alias), []);
  const other = 'registry.example.test/team/python:4';
  assert.equal(after([aliased], { ...alias, target: other }), [{ ...aliased, target: other }]);
  assert.equal(after([aliased], { type: 'dealias' }), [{ type: 'image-dealiased' }]);
  assert.is(after([], { type: 'dealias' }), 'alias-unknown');
});

image('a name is either an image or an alias', () => {
  const alias: ImageCommand = { type: 'alias', alias: reference, target: 'python:3' };
  assert.is(after([registered], alias), 'image-exists');
  assert.is(after([aliased], { type: 'register', reference: 'python' }), 'alias-exists');
  assert.is(after([aliased], { type: 'forget' }), 'image-unknown');
  assert.is(after([], { ...alias, target: reference }), 'alias-invalid');
});

image('what a node has under the name of an alias is passed over', () => {
  const report: ImageCommand = { type: 'report', reference: 'python', node: 'a', facts };
  assert.equal(after([aliased], report), []);
  assert.equal(after([aliased], { type: 'report-gone', node: 'a' }), []);
});

image.run();
