import { homedir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DeployFailure } from '../../../deploy/embedded/failure.ts';
import { parseStartOptions, parseStopOptions } from '../../../deploy/embedded/options.ts';

const options = suite('options: what start and stop accept');

const refusal = (args: readonly string[]): string => {
  try {
    parseStartOptions(args);
  } catch (error) {
    if (error instanceof DeployFailure && error.exitCode === 2) return error.message;
  }
  return 'accepted';
};

options('nothing given means the home directory, port 8090 and the driver that works', () => {
  assert.equal(parseStartOptions([]), {
    dataDirectory: join(homedir(), '.orrery'),
    port: 8090,
    driver: 'auto',
    simulatedNodes: 1,
    isDetached: false,
  });
});

options('all of them are taken as given', () => {
  const args = '--data-dir /a/b --port 0 --driver simulated --simulated-nodes 50 --detach';
  assert.equal(parseStartOptions(args.split(' ')), {
    dataDirectory: '/a/b',
    port: 0,
    driver: 'simulated',
    simulatedNodes: 50,
    isDetached: true,
  });
});

for (const [args, told] of [
  [['--port', '65536'], '--port must be a whole number from 0 to 65535, not "65536".'],
  [['--port', '80x'], '--port must be a whole number'],
  [['--port=-1'], '--port must be a whole number'],
  [['--driver', 'podman'], '--driver must be one of auto, docker, process, simulated'],
  [['--simulated-nodes', '0'], '--simulated-nodes must be a whole number from 1 to 10000'],
  [['--data-dir='], '--data-dir needs the path of a directory.'],
  [['--colour'], "Unknown option '--colour'. Usage: npm start"],
  [['here'], "Unexpected argument 'here'"],
  [['--port'], "Option '--port <value>' argument missing"],
] as const)
  options(`"${args.join(' ')}" is refused with exit code 2 and one line that says why`, () => {
    const sentence = refusal(args);
    assert.ok(sentence.startsWith(told), sentence);
    assert.not.match(sentence, '\n');
  });

options('stop takes the data directory alone', () => {
  assert.is(parseStopOptions(['--data-dir', '/a/b']), '/a/b');
  assert.throws(() => parseStopOptions(['--port', '1']), /Unknown option/);
});

options.run();
