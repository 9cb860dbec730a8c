import type { RegistryCommand, RegistryEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { registryAggregate } from '../../../../actors/registry/aggregate.ts';

const URL = 'https://registry.example.test';
const create: RegistryCommand = { type: 'create', name: 'registry.example.test', url: URL };
const created: RegistryEvent = {
  type: 'registry-created',
  name: 'registry.example.test',
  url: URL,
};
const login = { username: 'puller', sealedPassword: 'v1.sealed' };

/** What a command leads to after these events: events, or the code of a refusal. */
function after(events: readonly RegistryEvent[], command: RegistryCommand) {
  let state = registryAggregate.initial('id');
  for (const event of events) {
    const applied = registryAggregate.apply(state, event);
    assert.ok(applied, `${event.type} is not legal`);
    if (applied !== undefined) state = applied.state;
  }
  const decision = registryAggregate.decide(state, registryAggregate.parseCommand(command), {
    id: 'id',
    revision: events.length,
    nowMs: 0,
    actor: { kind: 'user', id: 'u' },
    newId: () => 'new',
  });
  return decision.ok ? decision.value.events : decision.error.code;
}

const registry = suite('registry: what is decided');

registry('is created with all that is said of it, and the same once more changes nothing', () => {
  const all = { ...create, project: 'team', login } as const;
  const events: readonly RegistryEvent[] = [
    created,
    { type: 'registry-project-set', project: 'team' },
    { type: 'registry-login-set', ...login },
  ];
  assert.equal(after([], all), events);
  assert.equal(after(events, all), []);
  assert.is(after([created], { ...create, url: 'https://other.example.test' }), 'registry-exists');
});

registry('is modified by what differs only, and its login taken away by null', () => {
  const known: readonly RegistryEvent[] = [created, { type: 'registry-login-set', ...login }];
  assert.equal(after(known, { type: 'modify', url: URL, login }), []);
  assert.equal(after(known, { type: 'modify', login: null }), [{ type: 'registry-login-removed' }]);
  assert.equal(after([created], { type: 'modify', login: null }), []);
  assert.is(after([], { type: 'modify', url: URL }), 'registry-unknown');
});

registry('that was deleted may be made again, without what it had', () => {
  const over: readonly RegistryEvent[] = [
    created,
    { type: 'registry-login-set', ...login },
    { type: 'registry-deleted' },
  ];
  assert.equal(after(over, create), [created]);
  assert.equal(after(over, { type: 'delete' }), []);
});

registry('a name or a URL that is none is no command', () => {
  for (const wrong of [
    { name: 'Registry' },
    { name: 'a/b' },
    { url: 'ftp://a.test' },
    { url: 'https://user:word@a.test' },
    { url: 'https://a.test/' },
    { project: '../up' },
  ])
    assert.throws(() => registryAggregate.parseCommand({ ...create, ...wrong }));
});

registry.run();
