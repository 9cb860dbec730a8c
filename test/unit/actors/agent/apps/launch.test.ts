// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of definitions look like this.
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { catalogue } from '../../../../../actors/agent/apps/catalogue.ts';
import { AppRefused } from '../../../../../actors/agent/apps/errors.ts';
import {
  appLaunch,
  checkOptions,
  namesBasePath,
  splitWords,
} from '../../../../../actors/agent/apps/launch.ts';
import {
  parseDefinition,
  type ServiceDefinition,
} from '../../../../../actors/agent/apps/service-definition.ts';
import { interpolate } from '../../../../../actors/agent/apps/template.ts';

const NOTHING = { arguments: {}, environ: {} };
const variables = {
  ports: [8080, 8081],
  runtime_path: '/usr/bin/python3',
  base_path: '/apps/S/jupyter/',
  made: { out: 'seen', err: '' },
};

function definition(given: object): ServiceDefinition {
  const parsed = parseDefinition(JSON.stringify(given));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof AppRefused) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing';
}

const template = suite('apps: templates');

for (const [text, filled] of [
  ['--port={ports[0]}', '--port=8080'],
  ['{ports[1]}', '8081'],
  ['{runtime_path} -m x', '/usr/bin/python3 -m x'],
  ['{made[out]} {made.out}', 'seen seen'],
  ['${{ ports[0] }} ${{runtime_path}}', '8080 /usr/bin/python3'],
  ['cd ${HOME} && echo $PWD', 'cd ${HOME} && echo $PWD'],
  ['{{"a": {ports[0]}}}', '{"a": 8080}'],
  ['', ''],
] as const)
  template(`${JSON.stringify(text)} becomes ${JSON.stringify(filled)}`, () => {
    assert.is(interpolate(text, variables), filled);
  });

for (const [text, why] of [
  ['{nothing}', /names "nothing", which there is not/],
  ['{toString}', /which there is not/],
  ['{ports}', /is no text/],
  ['{ports[7]}', /is no text/],
  ['{ports.length}', /is no text/],
  ['{made[__proto__]}', /is no text/],
  ['{made!r}', /holds "made!r"/],
  ['{', /a brace by itself/],
  ['a } b', /a brace by itself/],
  ['{}', /which there is not/],
] as const)
  template(`${JSON.stringify(text)} is refused`, () => {
    assert.match(
      refusal(() => interpolate(text, variables)),
      why,
    );
  });

template('what comes out has a limit', () => {
  const large = { made: { out: 'x'.repeat(60_000) } };
  assert.match(
    refusal(() => interpolate('{made[out]}{made[out]}', large)),
    /becomes longer/,
  );
});

template('any text with its braces doubled comes out as it was', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('$')),
      (text) => interpolate(text.replaceAll('{', '{{').replaceAll('}', '}}'), variables) === text,
    ),
  );
});

template.run();

const defined = suite('apps: service definitions');

defined('a command of words gets the default arguments, then templates are filled in', () => {
  const launch = appLaunch(
    definition({
      command: ['{runtime_path}', '-m', 'notebook'],
      default_arguments: { '--port': '{ports[0]}', '--debug': null, '--dir': ['a', 'b'] },
      env: { 'PORT_{ports[0]}': '{ports[1]}' },
    }),
    NOTHING,
    variables,
  );
  assert.equal(launch, {
    command: ['/usr/bin/python3', '-m', 'notebook', '--port', '8080', '--debug', '--dir', 'a', 'b'],
    environ: { PORT_8080: '8081' },
  });
});

defined('a command of one text is run by bash, by the shell that is named, or split', () => {
  const command = (given: object) => appLaunch(definition(given), NOTHING, variables)?.command;
  assert.equal(command({ command: 'x "a b"' }), ['bash', '-c', 'x "a b"']);
  assert.equal(command({ command: 'x', shell: '/bin/ash' }), ['/bin/ash', '-c', 'x']);
  assert.equal(command({ command: 'x "a b" c\\ d', shell: null }), ['x', 'a b', 'c d']);
});

defined(
  'what a person gives overrides the defaults, and the definition goes before in the environment',
  () => {
    const app = definition({
      command: ['x'],
      default_arguments: { '--dir': 'logs' },
      allowed_arguments: ['--dir', '--v'],
      allowed_envs: ['A', 'B'],
      env: { B: 'ours' },
    });
    const options = {
      arguments: { '--dir': 'mine', '--v': null },
      environ: { A: '1', B: 'theirs' },
    };
    checkOptions(app, options, new Set());
    assert.equal(appLaunch(app, options, variables), {
      command: ['x', '--dir', 'mine', '--v'],
      environ: { A: '1', B: 'ours' },
    });
  },
);

defined('arguments and variables that are not allowed, or set already, are refused by name', () => {
  const app = definition({ command: ['x'], allowed_arguments: ['--dir'], allowed_envs: ['A'] });
  const check = (given: object, taken: readonly string[] = []): string =>
    refusal(() => checkOptions(app, { ...NOTHING, ...given }, new Set(taken)));
  assert.match(
    check({ arguments: { '--port': '1' } }),
    /^app-argument-disallowed: .*--port; those are --dir/,
  );
  assert.match(
    check({ environ: { PATH: '/' } }),
    /^app-environment-disallowed: .*PATH; those are A/,
  );
  assert.match(check({ environ: { A: '1' } }, ['A']), /A is set in the session already/);
  assert.is(check({ environ: { A: '1' } }), 'nothing');
});

defined('nothing is started where nothing is to be', () => {
  assert.is(appLaunch(definition({ command: ['x'], noop: true }), NOTHING, variables), undefined);
});

for (const [given, why] of [
  ['{', /it is not JSON/],
  ['{"noop": false}', /command/],
  ['{"command": ["x"], "commands": 1}', /[Uu]nrecognized key.*commands/],
  ['{"command": ["x"], "prestart": [{"action": "delete", "args": {}}]}', /prestart\.0/],
  ['{"command": ["x"], "prestart": [{"action": "mkdir", "args": {}}]}', /prestart\.0\.args\.path/],
  [
    '{"command": ["x"], "prestart": [{"action": "write_file", "args": {"filename": "a", "body": [], "mode": "rw"}}]}',
    /mode: such as 644/,
  ],
] as const)
  defined(`${given} is refused`, () => {
    const parsed = parseDefinition(given);
    assert.is(parsed.ok, false);
    if (!parsed.ok) assert.match(parsed.error, why);
  });

defined('prestart actions have the defaults of the code, not those of its documents', () => {
  const { prestart } = definition({
    command: [],
    prestart: [
      { action: 'write_file', args: { filename: 'a', body: ['b'] } },
      { action: 'run_command', args: { command: ['c'] }, ref: 'd' },
    ],
  });
  assert.equal(prestart, [
    { action: 'write_file', args: { filename: 'a', body: ['b'], mode: '644', append: false } },
    { action: 'run_command', args: { command: ['c'], echo: false }, ref: 'd' },
  ]);
});

defined('every app of the catalogue can be started, and Jupyter is told its path', () => {
  const known = { ...variables, config: '/tmp/config.py' };
  for (const app of catalogue) {
    assert.ok(appLaunch(app.definition, NOTHING, known)?.command.includes(app.program));
    for (const { action, args } of app.definition.prestart)
      if (action === 'write_tempfile') for (const line of args.body) interpolate(line, known);
    assert.is(namesBasePath(app.definition), app.name.startsWith('jupyter'));
  }
});

defined('a quote that does not end is refused', () => {
  assert.match(
    refusal(() => splitWords('a "b')),
    /ends in a quote/,
  );
});

defined.run();
