import { architectureName, canonicalReference, parseImageName } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const names = suite('image names: how they are read and written');

names('a reference is written in one way, as engines list it', () => {
  for (const [written, canonical] of [
    ['docker.io/library/python:3.13', 'python:3.13'],
    ['index.docker.io/team/tool', 'team/tool:latest'],
    ['team/tool:1', 'team/tool:1'],
    ['registry.test:5000/a/b/c', 'registry.test:5000/a/b/c:latest'],
    [`registry.test/a@${DIGEST}`, `registry.test/a@${DIGEST}`],
    [`registry.test/a:1@${DIGEST}`, `registry.test/a:1@${DIGEST}`],
    ['host', 'host'],
    ['simulated', 'simulated'],
  ] as const)
    assert.is(canonicalReference(written), canonical);
});

names('the first part is a registry when it looks like a host', () => {
  const { host, repository, tag } = parseImageName('127.0.0.1:5000/python:3');
  assert.equal([host, repository, tag], ['127.0.0.1:5000', 'python', '3']);
  assert.is(parseImageName('team/python').host, 'docker.io');
  assert.is(parseImageName('python').repository, 'library/python');
  assert.is(parseImageName('localhost/python').host, 'localhost');
  assert.is(parseImageName(`a.test/b@${DIGEST}`).tag, undefined);
});

names('an architecture has one name', () => {
  assert.equal(['amd64', 'arm64', 'riscv64'].map(architectureName), [
    'x86_64',
    'aarch64',
    'riscv64',
  ]);
});

names.run();
