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

settings('takes the environment over the file, by a name that follows from the key', () => {
  const { bus, gateway, agent, control } = parseSettings(least, 'orrery.toml', {
    ORRERY_BUS_SERVERS: '10.0.0.1:4222, 10.0.0.2:4222',
    ORRERY_BUS_COMMANDS_WAITING_MAX: '7',
    ORRERY_BUS_TLS_CA: '/etc/ca.pem',
    ORRERY_GATEWAY_MASTER_KEY: 'b3RoZXI=',
    ORRERY_AGENT_DATA_DIRECTORY: '/var/lib/orrery',
    ORRERY_CONTROL_STATUS_PORT: '9100',
    ORRERY_PROFILE: 'of the command line',
    ORRERY_TEST_IMAGE: 'of a test',
    PATH: '/bin',
  });
  assert.equal(bus.servers, ['10.0.0.1:4222', '10.0.0.2:4222']);
  assert.equal([bus.commandsWaitingMax, bus.tls], [7, { ca: '/etc/ca.pem' }]);
  assert.is(gateway.masterKey, 'b3RoZXI=');
  assert.is(agent?.dataDirectory, '/var/lib/orrery');
  assert.is(control.statusPort, 9100);
});

settings('refuses a variable that is no setting, and a value against the rule, by name', () => {
  const refusal = (environ: Record<string, string>): string =>
    problem(() => parseSettings(least, 'orrery.toml', environ));
  assert.match(refusal({ ORRERY_BSU_SERVERS: 'x' }), /ORRERY_BSU_SERVERS, and there is no such/);
  assert.match(
    refusal({ ORRERY_CONTROL_STATUS_PORT: 'high' }),
    /ORRERY_CONTROL_STATUS_PORT is wrong at control\.statusPort/,
  );
  assert.match(refusal({ ORRERY_BUS_REPLICAS: '' }), /ORRERY_BUS_REPLICAS is wrong/);
  assert.match(refusal({ ORRERY_BUS_TLS_CERT: 'a.pem' }), /cert and key go together/);
});

settings.run();
