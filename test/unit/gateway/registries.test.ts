import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shownEvent } from '../../../gateway/audit/shown-event.ts';
import { findLabelFault } from '../../../gateway/registries/image-labels.ts';
import { accessOf, sealPassword } from '../../../gateway/registries/registry-login.ts';

const key = new Uint8Array(32).fill(7);
const row = {
  id: 'id',
  name: 'registry.example.test',
  url: 'https://registry.example.test',
  project: null,
  username: 'puller',
  sealedPassword: sealPassword('a password', 'registry.example.test', key),
  isDeleted: false,
  createdAtMs: 0,
  revision: 1,
  sequence: 1,
};

const logins = suite('registries: their logins');

logins('a password opens for its own registry and key only', () => {
  assert.is(accessOf(row, key).password, 'a password');
  assert.throws(() => accessOf({ ...row, name: 'other.example.test' }, key));
  assert.throws(() => accessOf(row, new Uint8Array(32)));
  assert.not.match(row.sealedPassword, 'password');
});

logins('a sealed password is not shown to those who read the log', () => {
  const { sealedPassword } = row;
  const event = { type: 'registry-login-set', username: 'puller', sealedPassword };
  assert.equal(shownEvent(event), { ...event, sealedPassword: '(hidden)' });
});

logins.run();

const labels = suite('registries: labels of images');

labels('an image without labels can be used, and one with those of the scheme', () => {
  assert.is(findLabelFault({}), undefined);
  const good = {
    'ai.backend.kernelspec': '1',
    'ai.backend.role': 'COMPUTE',
    'ai.backend.resource.min.cpu': '1',
    'ai.backend.resource.min.mem': '256m',
    'ai.backend.resource.min.cuda.shares': '0.5',
    'ai.backend.service-ports': 'jupyter:http:8080,web:tcp:[3000,3001],desk:vnc:5900',
    'other.label': 'anything',
  };
  assert.is(findLabelFault(good), undefined);
});

labels('what cannot be used is named with its rule', () => {
  for (const [label, value, why] of [
    ['ai.backend.kernelspec', '2', /kernelspec is 2/],
    ['ai.backend.role', 'KING', /none of COMPUTE/],
    ['ai.backend.resource.min.mem', 'much', /no amount: much/],
    ['ai.backend.service-ports', 'a:tcp', /"a:tcp" is not name:protocol:port/],
    ['ai.backend.service-ports', 'a:tcp:80', /80 is no port/],
    ['ai.backend.service-ports', 'a:tcp:2200', /2200 is no port/],
    ['ai.backend.service-ports', 'a:tcp:3000,b:http:3000', /port 3000 is there twice/],
  ] as const)
    assert.match(findLabelFault({ [label]: value }) ?? '', why);
});

labels.run();
