import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ownerOf } from '../../../../actors/runtime/rendezvous.ts';

const rendezvous = suite('rendezvous: which host a duty belongs to');

const duties = Array.from({ length: 256 }, (_, index) => `partition-${index}`);
const hosts = ['control-a', 'control-b', 'control-c', 'control-d'];

rendezvous('all agree, in whatever order they know the hosts', () => {
  for (const duty of duties)
    assert.is(ownerOf(duty, hosts), ownerOf(duty, [...hosts].reverse()), duty);
});

rendezvous('a host that goes leaves the duties of the others where they are', () => {
  for (const gone of hosts) {
    const left = hosts.filter((host) => host !== gone);
    for (const duty of duties) {
      const before = ownerOf(duty, hosts);
      if (before !== gone) assert.is(ownerOf(duty, left), before);
      else assert.ok(left.includes(ownerOf(duty, left) ?? ''));
    }
  }
});

rendezvous('every host gets about its share', () => {
  for (const host of hosts) {
    const share = duties.filter((duty) => ownerOf(duty, hosts) === host).length;
    assert.ok(share > 40 && share < 90, `${host} has ${share} of ${duties.length}`);
  }
});

rendezvous('nothing belongs to nobody when there is a host, and all to a single one', () => {
  assert.is(ownerOf('liveness', []), undefined);
  for (const duty of duties) assert.is(ownerOf(duty, ['only']), 'only');
});

rendezvous.run();
