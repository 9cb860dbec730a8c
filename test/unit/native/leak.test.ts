import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findHeaders } from '../../../native/build.ts';
import { build } from './stub-scenario.ts';

const TIMEOUT_MS = 60_000;
const sources = fileURLToPath(new URL('../../../native/nvml/', import.meta.url));
const run = promisify(execFile);

const leaks = suite('addon: leaks');
const scratch = mkdtempSync(join(tmpdir(), 'orrery-nvml-leak-'));
leaks.after(() => rmSync(scratch, { recursive: true, force: true }));

async function findSanitizer(): Promise<string | undefined> {
  const { stdout } = await run('cc', ['-print-file-name=libasan.so'], { timeout: TIMEOUT_MS });
  const path = stdout.trim();
  return isAbsolute(path) && existsSync(path) ? path : undefined;
}

async function compileSanitized(): Promise<string> {
  const addonPath = join(scratch, 'nvml.node');
  const flags =
    '-std=c11 -D_GNU_SOURCE -DNAPI_VERSION=9 -O1 -g -fPIC -shared -Wall -Wextra -Werror';
  const names = readdirSync(sources).filter((name) => name.endsWith('.c'));
  const headers = `-I${join(String(findHeaders()), 'include', 'node')}`;
  await run(
    'cc',
    [
      ...flags.split(' '),
      '-fsanitize=address,undefined',
      headers,
      ...names,
      '-ldl',
      '-o',
      addonPath,
    ],
    { cwd: sources, timeout: TIMEOUT_MS },
  );
  return addonPath;
}

leaks('no byte is lost or misread over every kind of answer', async () => {
  const sanitizer = await findSanitizer();
  if (sanitizer === undefined) {
    if (process.env['CI'] === 'true') throw new Error('the compiler has no address sanitizer');
    process.stdout.write('native: leaks NOT TESTED, the compiler has no address sanitizer\n');
    return;
  }
  const suppressions = join(scratch, 'suppressions');
  // Node's own: a table of OpenSSL; when an environment ends, what surrounds an external (not what it points to)
  // and the scripts of a worker; of a worker that is stopped in a call, the promise that can no longer be settled.
  const ofNode = [
    'ossl_load_builtin_compressions',
    'napi_create_external',
    'ContextifyScript::New',
    'napi_create_promise',
  ];
  writeFileSync(suppressions, ofNode.map((name) => `leak:${name}\n`).join(''));
  const workload = fileURLToPath(new URL('leak-workload.ts', import.meta.url));
  const { stdout } = await run(
    process.execPath,
    ['--expose-gc', workload, await compileSanitized()],
    {
      timeout: TIMEOUT_MS,
      env: {
        ...process.env,
        LD_PRELOAD: sanitizer,
        ASAN_OPTIONS: 'detect_leaks=1:halt_on_error=1',
        UBSAN_OPTIONS: 'halt_on_error=1',
        LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
      },
    },
  );
  assert.match(stdout, 'workload done');
});

if (build.isBuilt) leaks.run();
