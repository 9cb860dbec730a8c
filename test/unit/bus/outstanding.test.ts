import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Asked, Outstanding } from '../../../bus/outstanding.ts';

/** What was put into inboxes, in its order. */
function start() {
  const outstanding = new Outstanding();
  const stored: string[] = [];
  const ask = (name: string, key: string, partition = 0): Asked => {
    const asked: Asked = {
      partition,
      key,
      isStored: false,
      store: () => {
        asked.isStored = true;
        stored.push(name);
      },
    };
    outstanding.enter(asked);
    return asked;
  };
  return { outstanding, stored, ask };
}

const order = suite('outstanding: what was asked and is not answered');

order('goes into the inbox before what was asked later of the same aggregate, and once', () => {
  const { outstanding, stored, ask } = start();
  ask('a1', 'session.a');
  ask('b1', 'session.b');
  const second = ask('a2', 'session.a');
  ask('a3', 'session.a');
  outstanding.storeUpTo(second);
  assert.equal(stored, ['a1', 'a2']);
  outstanding.storeUpTo(second);
  assert.equal(stored, ['a1', 'a2']);
});

order('goes there whole when nobody listens to its partition any more', () => {
  const { outstanding, stored, ask } = start();
  const answered = ask('a1', 'session.a');
  ask('b1', 'session.b');
  ask('c1', 'session.c', 1);
  ask('a2', 'session.a');
  outstanding.leave(answered);
  outstanding.storeAll(0);
  assert.equal(stored, ['b1', 'a2']);
});

order('holds later ones behind it as long as it waits in the inbox', () => {
  const { outstanding, ask } = start();
  const first = ask('a1', 'session.a');
  assert.not(outstanding.waitsInInbox('session.a'));
  first.store();
  assert.ok(outstanding.waitsInInbox('session.a'));
  assert.not(outstanding.waitsInInbox('session.b'));
  outstanding.leave(first);
  assert.not(outstanding.waitsInInbox('session.a'));
});

order.run();
