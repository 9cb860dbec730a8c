import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAccounts } from '../../../deploy/embedded/account.ts';
import { lastLine } from '../../../deploy/embedded/command.ts';
import { natsConfiguration } from '../../../deploy/embedded/nats.ts';
import { isNewEnough, parseNatsVersion } from '../../../deploy/embedded/nats-server.ts';
import { RESTART_DELAY_MS_MAX, restartDelayMs } from '../../../deploy/embedded/restart-delay.ts';
import { isolationWarning } from '../../../deploy/embedded/welcome.ts';

const restarting = suite('restart delay: how soon a process comes back');

restarting('the first restart is at once', () => {
  assert.is(restartDelayMs(0), 0);
});

restarting('each further one waits twice as long, up to the limit', () => {
  assert.equal([1, 2, 3, 4].map(restartDelayMs), [100, 200, 400, 800]);
  assert.is(restartDelayMs(50), RESTART_DELAY_MS_MAX);
});

restarting('more restarts never wait less', () => {
  const isOrdered = fc.property(fc.nat(2_000), (count) => {
    const [earlier, later] = [restartDelayMs(count), restartDelayMs(count + 1)];
    return earlier <= later && later <= RESTART_DELAY_MS_MAX;
  });
  fc.assert(isOrdered);
});

restarting.run();

const versions = suite('nats-server: which one is new enough');

versions('a version is read from what the program says of itself', () => {
  assert.equal(parseNatsVersion('nats-server: v2.15.1\n'), [2, 15, 1]);
  assert.is(parseNatsVersion('no such file'), undefined);
});

versions('2.14 and everything after it will do', () => {
  assert.equal(
    ['2.13.9', '2.14.0', '2.15.1', '3.0.0', '1.99.0', ''].map((text) =>
      isNewEnough(parseNatsVersion(text)),
    ),
    [false, true, true, true, false, false],
  );
});

versions('the configuration quotes what stands in it and asks for synced writes', () => {
  const storeDirectory = '/a "b"/c\\d';
  const text = natsConfiguration({ port: 1, user: 'u', password: 'p', storeDirectory });
  assert.match(text, 'store_dir: "/a \\"b\\"/c\\\\d", sync_interval: always');
  assert.match(text, 'listen: "127.0.0.1:1"');
});

versions.run();

const sentences = suite('failure: what a person is told');

sentences('of a crash report the line with the reason is kept', () => {
  const report = [
    'node:internal/modules/esm/resolve:271',
    '    throw new ERR_MODULE_NOT_FOUND(',
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/a/main.ts'",
    '    at finalizeResolution (node:internal/modules/esm/resolve:271:11) {',
    "  code: 'ERR_MODULE_NOT_FOUND',",
    '  requireStack: []',
    '}',
    '',
    'Node.js v24.21.0',
  ].join('\n');
  assert.match(lastLine(report), "Cannot find module '/a/main.ts'");
  assert.is(lastLine(''), '');
});

sentences('without Docker the lack of isolation is said aloud, with it nothing is', () => {
  assert.match(isolationWarning('auto', undefined) ?? '', 'NO ISOLATION');
  assert.match(isolationWarning('process', '/var/run/docker.sock') ?? '', 'NO ISOLATION');
  assert.is(isolationWarning('auto', '/var/run/docker.sock'), undefined);
  assert.is(isolationWarning('simulated', undefined), undefined);
});

sentences('accounts are read by name, and damaged lines are passed over', () => {
  const accounts = parseAccounts('root:x:0:0::/:/bin/sh\nbroken\nnobody:x:65534:65533:::\n');
  assert.equal(accounts.get('nobody'), { uid: 65_534, gid: 65_533 });
  assert.is(accounts.has('broken'), false);
});

sentences.run();
