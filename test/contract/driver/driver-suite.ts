import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerDriver, ExecProcess } from '../../../actors/agent/container-driver.ts';
import { ContainerFailure } from '../../../actors/agent/errors.ts';
import type { LogChunk } from '../../../actors/agent/log-frames.ts';
import { deviceTests } from './device-tests.ts';
import { type Abilities, type DriverBench, kernelSpec, start, within } from './driver-bench.ts';
import { exitOf, readAll } from './driving.ts';
import { portTests } from './port-tests.ts';
import { usageSuite } from './usage-suite.ts';

const MEBIBYTE = 1024 * 1024;

async function readUntil(chunks: AsyncIterable<LogChunk>, text: string): Promise<string> {
  let read = '';
  for await (const { bytes } of chunks) {
    read += bytes.toString();
    if (read.includes(text)) return read;
  }
  throw new Error(`the stream ended without ${text}: ${read}`);
}

/** Registers every behaviour that a driver promises; those of real programs where it has them. */
export function driverSuite(abilities: Abilities): void {
  const test = suite<{ bench: DriverBench; driver: ContainerDriver }>(
    `container driver ${abilities.name}`,
  );
  test.before(async (context) => {
    context.bench = await abilities.makeBench();
    context.driver = await context.bench.open('node-a');
  });
  test.after(async ({ bench, driver }) => {
    for (const { kernel } of await driver.list(within())) await driver.remove(kernel, within());
    await driver[Symbol.asyncDispose]();
    await bench.close();
  });

  for (const code of [0, 1, 3, 127])
    test(`a program that ends with ${code} is told to have ended with ${code}`, async ({
      bench,
      driver,
    }) => {
      const spec = kernelSpec(bench.image, bench.programs.exit(code));
      await start(driver, spec);
      const exit = await exitOf(driver, spec.kernel);
      assert.is(exit.exitCode, code);
      assert.is(exit.wasOutOfMemory, false);
      assert.is(exit.startFailure, undefined);
      assert.ok((exit.finishedAtMs ?? 0) > 0);
      await driver.remove(spec.kernel, within());
    });

  test('standard output and error stay apart, and can be read from any byte on', async ({
    bench,
    driver,
  }) => {
    const spec = kernelSpec(bench.image, bench.programs.print('öut\n', 'err\n'));
    await start(driver, spec);
    await exitOf(driver, spec.kernel);
    const request = { kernel: spec.kernel, mode: 'so-far' } as const;
    const all = await readAll(driver.logs({ ...request, offsetBytes: 0 }, within()));
    assert.equal(all, { stdout: 'öut\n', stderr: 'err\n', bytes: 9 });
    const rest = await readAll(driver.logs({ ...request, offsetBytes: 5 }, within()));
    assert.is(rest.bytes, 4);
    const none = await readAll(driver.logs({ ...request, offsetBytes: 9 }, within()));
    assert.is(none.bytes, 0);
    const followed = { kernel: spec.kernel, mode: 'followed', offsetBytes: 0 } as const;
    assert.equal(await readAll(driver.logs(followed, within())), all);
    await driver.remove(spec.kernel, within());
  });

  test('a log that is followed comes while the program runs', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, bench.programs.wait());
    await start(driver, spec);
    const followed = { kernel: spec.kernel, mode: 'followed', offsetBytes: 0 } as const;
    await readUntil(driver.logs(followed, within()), 'ready');
    await driver.stop({ kernel: spec.kernel, graceMs: 0 }, within());
    await driver.remove(spec.kernel, within());
  });

  test('a kernel that is started twice has one container', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, bench.programs.wait());
    const first = await start(driver, spec);
    const second = await start(driver, spec);
    assert.is(second.id, first.id);
    const own = (await driver.list(within())).filter(({ kernel }) => kernel === spec.kernel);
    assert.is(own.length, 1);
    assert.is(own[0]?.state.phase, 'running');
    assert.is(own[0]?.wishRevision, 2);
    assert.is(own[0]?.session, spec.session);
    await driver.remove(spec.kernel, within());
  });

  test('a kernel that was removed leaves nothing, also when it still ran', async ({
    bench,
    driver,
  }) => {
    const spec = kernelSpec(bench.image, bench.programs.wait());
    await start(driver, spec);
    await driver.remove(spec.kernel, within());
    assert.is(await driver.find(spec.kernel, within()), undefined);
    const left = (await driver.list(within())).filter(({ kernel }) => kernel === spec.kernel);
    assert.equal(left, []);
    assert.is(await driver.stop({ kernel: spec.kernel, graceMs: 0 }, within()), undefined);
    await driver.remove(spec.kernel, within());
    await assertRefused(
      readAll(driver.logs({ kernel: spec.kernel, mode: 'so-far', offsetBytes: 0 }, within())),
      'kernel-not-found',
    );
  });

  test('an image that is not there is refused by its name', async ({ bench, driver }) => {
    const spec = kernelSpec('orrery.invalid/nothing:1', bench.programs.exit(0));
    const failure = await failureOf(start(driver, spec));
    assert.ok(['image-not-found', 'image-pull-failed'].includes(failure.code), failure.code);
    assert.is(failure.step, 'pull');
    assert.is(await driver.find(spec.kernel, within()), undefined);
  });

  test('two nodes on one engine do not see each other', async ({ bench, driver }) => {
    const other = await bench.open('node-b');
    const spec = kernelSpec(bench.image, bench.programs.wait());
    await start(driver, spec);
    assert.equal(await other.list(within()), []);
    assert.is(await other.find(spec.kernel, within()), undefined);
    await other.remove(spec.kernel, within());
    assert.is((await driver.find(spec.kernel, within()))?.state.phase, 'running');
    await driver.remove(spec.kernel, within());
    await other[Symbol.asyncDispose]();
  });

  test('what ended without anybody looking is found with its exit code', async (context) => {
    if (!abilities.survives) return;
    const { bench } = context;
    const spec = kernelSpec(bench.image, { command: ['sh', '-c', 'sleep 0.3; exit 3'] });
    const running = kernelSpec(bench.image, bench.programs.wait());
    await start(context.driver, spec);
    await start(context.driver, running);
    await context.driver[Symbol.asyncDispose]();
    context.driver = await bench.open('node-a');
    assert.is((await exitOf(context.driver, spec.kernel)).exitCode, 3);
    const again = await context.driver.find(running.kernel, within());
    assert.is(again?.state.phase, 'running');
    assert.is(again?.session, running.session);
    for (const { kernel } of [spec, running]) await context.driver.remove(kernel, within());
  });

  deviceTests(test, abilities);
  if (abilities.isReal) realProgramTests(test);
  if (abilities.isReal) portTests(test);
  test.run();
  usageSuite(abilities);
}

function realProgramTests(
  test: ReturnType<typeof suite<{ bench: DriverBench; driver: ContainerDriver }>>,
): void {
  test('arguments and environment arrive as they were given', async ({ bench, driver }) => {
    const script = 'import os,sys;print(sys.argv[1:],os.environ["GREETING"],os.environ["HOME"])';
    const spec = kernelSpec(bench.image, {
      command: ['python3', '-c', script, 'two words', 'gr\u00fc\u00df', '', "it's $HOME"],
      environ: { GREETING: 'h\u00e9 llo\n$x', BACKENDAI_KERNEL_ID: 'mine' },
    });
    await start(driver, spec);
    await exitOf(driver, spec.kernel);
    const request = { kernel: spec.kernel, mode: 'so-far', offsetBytes: 0 } as const;
    const { stdout } = await readAll(driver.logs(request, within()));
    assert.match(stdout, `['two words', 'gr\u00fc\u00df', '', "it's $HOME"] h\u00e9 llo\n$x /`);
    await driver.remove(spec.kernel, within());
  });

  test('the system names of the environment cannot be taken', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, {
      command: ['sh', '-c', 'echo $BACKENDAI_KERNEL_ID $BACKENDAI_CLUSTER_HOST; pwd; touch here'],
      environ: { BACKENDAI_KERNEL_ID: 'mine' },
    });
    await start(driver, spec);
    assert.is((await exitOf(driver, spec.kernel)).exitCode, 0);
    const request = { kernel: spec.kernel, mode: 'so-far', offsetBytes: 0 } as const;
    const { stdout } = await readAll(driver.logs(request, within()));
    assert.match(stdout, `${spec.kernel} main1\n`);
    assert.match(stdout, 'work');
    await driver.remove(spec.kernel, within());
  });

  test('a program that ignores the wish to end is killed after the grace', async ({
    bench,
    driver,
  }) => {
    const spec = kernelSpec(bench.image, {
      command: ['sh', '-c', 'trap "" TERM INT; echo ready; while :; do sleep 1; done'],
    });
    await start(driver, spec);
    const followed = { kernel: spec.kernel, mode: 'followed', offsetBytes: 0 } as const;
    await readUntil(driver.logs(followed, within()), 'ready');
    const exit = await driver.stop({ kernel: spec.kernel, graceMs: 300 }, within());
    assert.is(exit?.exitCode, 137);
    assert.is(exit?.wasOutOfMemory, false);
    await driver.remove(spec.kernel, within());
  });

  test('a program that takes the wish to end has its grace', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, {
      command: ['sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'],
    });
    await start(driver, spec);
    const followed = { kernel: spec.kernel, mode: 'followed', offsetBytes: 0 } as const;
    await readUntil(driver.logs(followed, within()), 'ready');
    const exit = await driver.stop({ kernel: spec.kernel, graceMs: 20_000 }, within());
    assert.is(exit?.exitCode, 9);
    await driver.remove(spec.kernel, within());
  });

  test('a program that takes more memory than it has ends as out of memory', async ({
    bench,
    driver,
  }) => {
    const spec = kernelSpec(bench.image, {
      command: ['python3', '-c', 'x = "x" * (512 << 20); print(len(x))'],
      slots: { cpu: '1', mem: String(128 * MEBIBYTE) },
    });
    await start(driver, spec);
    const exit = await exitOf(driver, spec.kernel);
    assert.is(exit.wasOutOfMemory, true);
    assert.is(exit.exitCode, 137);
    await driver.remove(spec.kernel, within());
  });

  test('a program that is not there is told as a failure to start', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, { command: ['no-such-program', 'x'] });
    const told = await start(driver, spec).then(
      async () => (await exitOf(driver, spec.kernel)).startFailure,
      (failure: unknown) => (failure instanceof ContainerFailure ? failure : undefined),
    );
    assert.is(told?.code, 'command-not-found');
    assert.match(told?.message ?? '', 'no-such-program');
    await driver.remove(spec.kernel, within());
  });

  test('a kernel to work in waits, and ends at once when asked', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, { sessionType: 'interactive', command: null });
    await start(driver, spec);
    const process = await driver.exec(
      {
        kernel: spec.kernel,
        command: ['sh', '-c', 'pwd; echo $X >&2; exit 5'],
        environ: { X: 'y' },
      },
      within(),
    );
    const { stdout, stderr } = await readAll(process.output);
    assert.match(stdout, 'work');
    assert.is(stderr, 'y\n');
    assert.is(await process.waitForExit(within()), 5);
    await process[Symbol.asyncDispose]();
    const exit = await driver.stop({ kernel: spec.kernel, graceMs: 20_000 }, within());
    assert.ok(exit?.exitCode !== 137, `ended with ${exit?.exitCode}`);
    await driver.remove(spec.kernel, within());
  });

  test('what is written to a command arrives, and so does its end', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, { sessionType: 'interactive', command: null });
    await start(driver, spec);
    const process = await driver.exec(
      { kernel: spec.kernel, command: ['cat'], environ: {} },
      within(),
    );
    await process.write(Buffer.from('there and back'));
    process.endInput();
    assert.is((await readAll(process.output)).stdout, 'there and back');
    assert.is(await process.waitForExit(within()), 0);
    await process[Symbol.asyncDispose]();
    await driver.remove(spec.kernel, within());
  });

  test('a terminal has a size that can be changed', async ({ bench, driver }) => {
    const spec = kernelSpec(bench.image, { sessionType: 'interactive', command: null });
    await start(driver, spec);
    const script =
      'import os,sys\nprint("size",*os.get_terminal_size(),flush=True)\n' +
      'sys.stdin.readline()\nprint("size",*os.get_terminal_size(),flush=True)\nsys.exit(7)';
    const process = await driver.exec(
      {
        kernel: spec.kernel,
        command: ['python3', '-c', script],
        environ: {},
        terminal: { columns: 90, rows: 30 },
      },
      within(),
    );
    const read = await converse(process);
    assert.match(read, /size \d+ \d+/);
    assert.match(read, 'size 120 40');
    assert.is(await process.waitForExit(within()), 7);
    await process[Symbol.asyncDispose]();
    await driver.remove(spec.kernel, within());
  });
}

async function converse(process: ExecProcess): Promise<string> {
  let read = '';
  let isAsked = false;
  for await (const { bytes } of process.output) {
    read += bytes.toString();
    if (isAsked || !/size \d+ \d+/.test(read)) continue;
    isAsked = true;
    await process.resize({ columns: 120, rows: 40 });
    await process.write(Buffer.from('\n'));
  }
  return read;
}

async function failureOf(attempt: Promise<unknown>): Promise<ContainerFailure> {
  try {
    await attempt;
  } catch (failure) {
    if (failure instanceof ContainerFailure) return failure;
    throw failure;
  }
  throw new Error('it did not fail');
}

async function assertRefused(attempt: Promise<unknown>, code: string): Promise<void> {
  const told = await attempt.then(
    () => 'nothing',
    (failure: unknown) => (failure instanceof Error && 'code' in failure ? failure.code : failure),
  );
  assert.is(told, code);
}
