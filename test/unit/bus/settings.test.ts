import { parseSettings, readSettings, SettingsInvalid } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const settings = suite('settings: one file for all processes');

const least = `
[bus]
servers = ["127.0.0.1:4222"]
[postgres]
url = "postgres://127.0.0.1/orrery"
[gateway]
masterKey = "a2V5"
`;

settings('fills in what is left out', () => {
  const { bus, gateway, logging, agent } = parseSettings(least, 'orrery.toml');
  assert.equal([bus.replicas, bus.partitions], [1, 8]);
  assert.equal([gateway.host, gateway.port], ['127.0.0.1', 8090]);
  assert.is(logging.level, 'info');
  assert.is(agent, undefined);
});

function problem(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.instance(error, SettingsInvalid);
    return String(error);
  }
  throw new Error('nothing was refused');
}

settings('names the file, the key and the rule when something is wrong', () => {
  assert.match(
    problem(() => parseSettings(`${least}\n[control]\nstatusPort = 70000`, 'orrery.toml')),
    /orrery\.toml is wrong at control\.statusPort/,
  );
  assert.match(
    problem(() => parseSettings(`${least}\n[surprise]\n`, 'orrery.toml')),
    /surprise/,
  );
  assert.match(
    problem(() => parseSettings('= 1', 'orrery.toml')),
    /is not TOML/,
  );
  assert.match(
    problem(() => readSettings('/nowhere/orrery.toml')),
    /cannot be read/,
  );
});

settings.run();
