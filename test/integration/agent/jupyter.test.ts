import { type ExecuteRequest, type ExecuteResult, known, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelRuns } from '../../../actors/agent/runs/kernel-runs.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { jupyterImageIn } from '../../environment/jupyter-image.ts';
import { type DockerKernel, openDockerKernel } from './docker-kernel.ts';
import { printed } from './runs-bench.ts';

const CALL_MS = 5_000;
const CALLS_MAX = 24;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

const cells = suite("runs: cells in an image's Jupyter kernel");
let opened: DockerKernel;
let runs: KernelRuns;
let count = 0;
const over = new AbortController();

cells.before(async () => {
  const { socketPath } = await dockerEngine();
  const image = await jupyterImageIn(socketPath);
  opened = await openDockerKernel({ socketPath, image, environ: {}, memoryBytes: 1024 ** 3 });
  const { driver, kernel } = opened;
  const places = known(driver.places(kernel));
  runs = new KernelRuns({ driver, clock: systemClock, kernel, places, signal: over.signal });
});
cells.after(async () => {
  over.abort(new Error('the test is over'));
  await opened[Symbol.asyncDispose]();
});

function call(request: Partial<ExecuteRequest>): Promise<ExecuteResult> {
  const flush = systemClock.sleep(request.flushMs ?? CALL_MS).catch(() => undefined);
  const rest = { kind: 'execute', kernel: opened.kernel, runId: 'run', mode: 'query' } as const;
  return runs.execute(
    { ...rest, language: 'python', code: '', flushMs: CALL_MS, ...request },
    flush,
  );
}

/** To its end, or until it asks for something; the answers as one. */
async function finish(code: string, language: 'python' | 'r' = 'python'): Promise<ExecuteResult> {
  count += 1;
  const runId = `run-${count}`;
  let result = await call({ runId, code, language });
  const console = [...result.console];
  for (let calls = 1; result.status === 'continued'; calls += 1) {
    assert.ok(calls < CALLS_MAX, `it has not ended: ${JSON.stringify(console)}`);
    result = await call({ runId, mode: 'continue' });
    console.push(...result.console);
  }
  return { ...result, console };
}

cells('share their state, print in order and tell their result', async () => {
  assert.is((await finish('x = 6')).exitCode, 0);
  const shown = await finish('import sys\nprint("out")\nsys.stdout.flush()\nx * 7');
  assert.is(printed(shown, 'stdout'), 'out\n42\n');
  assert.match(printed(await finish('get_ipython().kernel'), 'stdout'), /ipykernel/);
});

cells('that fail tell where and why, with an exit code', async () => {
  const failed = await finish('def f():\n    return 1 / 0\nf()');
  assert.is(failed.exitCode, 1);
  assert.match(printed(failed, 'stderr'), /ZeroDivisionError/);
  assert.is((await finish('import sys; sys.exit(7)')).exitCode, 7);
  assert.is(printed(await finish('print(x)'), 'stdout'), '6\n', 'and the state is kept');
});

cells('that draw give a picture as a media item', async () => {
  const drawn = await finish(
    'import matplotlib.pyplot as plt\n_ = plt.plot([1, 4, 2, 8])\nplt.show()',
  );
  assert.is(drawn.exitCode, 0, JSON.stringify(drawn.console));
  const media = drawn.console.flatMap(([kind, content]) => (kind === 'media' ? [content] : []));
  assert.is(media.length, 1);
  const [mime, content] = known(media[0]);
  assert.is(mime, 'image/png');
  const bytes = Buffer.from(known(content.split('base64,')[1]), 'base64');
  assert.equal(bytes.subarray(0, PNG.length), PNG);
  assert.ok(bytes.length > 1_000);
  const page = await finish('class Page:\n    def _repr_html_(self): return "<b>é</b>"\nPage()');
  assert.equal(page.console, [['media', ['text/html', '<b>é</b>']]]);
});

cells('that ask are answered once, and a password is asked for as one', async () => {
  const asked = await finish('name = input("name? ")\nprint("hello", name)');
  assert.is(asked.status, 'waiting-input');
  assert.equal(asked.options, { is_password: false });
  assert.is(printed(asked, 'stdout'), 'name? ');
  const { runId, next: after } = asked;
  const answered = await call({ runId, mode: 'input', code: 'Ada', after });
  assert.equal(answered.console, [['stdout', 'hello Ada\n']]);
  const secret = await finish('import getpass; getpass.getpass()');
  assert.equal(secret.options, { is_password: true });
  assert.is(await runs.interrupt(secret.runId), true);
  const { status, exitCode } = await call({ runId: secret.runId, mode: 'continue' });
  assert.equal([status, exitCode], ['finished', 1], 'who is interrupted waits for no answer');
});

cells('are interrupted in an endless loop, and the next one goes on', async () => {
  const began = await call({ runId: 'loop', code: 'print("on", flush=True)\nwhile True: pass' });
  assert.is(began.status, 'continued');
  assert.is(await runs.interrupt('loop'), true);
  const { status, exitCode, console } = await call({ runId: 'loop', mode: 'continue' });
  assert.equal([status, exitCode], ['finished', 1]);
  assert.match(JSON.stringify(console), /KeyboardInterrupt/);
  assert.is(printed(await finish('print(x)'), 'stdout'), '6\n');
});

cells('are completed by the kernel', async () => {
  // The first is slow to come, and one that is late is none.
  let found: readonly string[] = [];
  for (let asked = 0; asked < CALLS_MAX && found.length === 0; asked += 1)
    found = await runs.complete('python', 'import math\nmath.flo');
  assert.equal(found, ['math.floor']);
});

cells('print a hundred thousand lines, each once and in order', async () => {
  const result = await finish('for n in range(100_000): print(n)');
  const expected = Array.from({ length: 100_000 }, (_, n) => `${n}\n`).join('');
  assert.is(printed(result, 'stdout') === expected, true);
});

cells('that end the kernel say so, and the next one has a new one', async () => {
  const ended = await finish('import os; os._exit(7)');
  assert.is(ended.exitCode, 7);
  assert.match(JSON.stringify(ended.console), /the interpreter ended/);
  assert.is(printed(await finish('print("x" in globals())'), 'stdout'), 'False\n');
});

cells('of a language for which the image has no kernel say that it has none', async () => {
  const refused = await finish('1', 'r');
  assert.is(refused.exitCode, 127);
  assert.match(printed(refused, 'stderr'), /no Jupyter kernel for ir/);
});

cells.run();
